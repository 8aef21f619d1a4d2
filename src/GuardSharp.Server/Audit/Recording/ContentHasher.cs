using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using GuardSharp.Conversations;

namespace GuardSharp.Server.Audit.Recording;

/// <summary>Names conversations without telling them: HMAC-SHA-256 under a secret key, so that nobody without it can test guesses.</summary>
/// <remarks>
/// Safe from any thread. The hash goes over, for each turn, its role (one byte) and its number of parts, then for each part its kind (one byte) and
/// its texts or bytes, every number and length as 8 bytes, big end first, texts in UTF-8.
/// </remarks>
internal sealed class ContentHasher(byte[] key)
{
    /// <summary>Bytes of a key that is made.</summary>
    public const int KeyBytes = 32;

    /// <summary>The conversation's hash: 64 hexadecimal digits.</summary>
    public string Hash(Conversation conversation)
    {
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);
        foreach (var turn in conversation.Turns)
        {
            hash.AppendData([(byte)turn.Role]);
            Append(hash, turn.Parts.Count);
            foreach (var part in turn.Parts)
            {
                Append(hash, part);
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The key of configuration, or the one kept in a file, made when it is first needed.</summary>
    /// <param name="configured">Base64; null: none.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="AuditException">The file is no key or cannot be made.</exception>
    public static byte[] FindKey(string? configured, string path)
    {
        if (configured is not null)
        {
            return Convert.FromBase64String(configured);
        }

        try
        {
            return File.Exists(path) ? ReadKey(path) : MakeKey(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new AuditException($"{path}: the key of content hashes can be neither read nor made: {error.Message} Make the folder writable, or configure {AuditOptions.Section}:HashKey.", error);
        }
    }

    private static byte[] ReadKey(string path)
    {
        var text = File.ReadAllText(path).Trim();
        var key = new byte[text.Length];
        return Convert.TryFromBase64String(text, key, out var length) && length >= 16
            ? key[..length]
            : throw new AuditException($"{path}: not base64 of at least 16 bytes. Restore the key from a backup, or delete the file: hashes made from then on differ from the old ones.");
    }

    private static byte[] MakeKey(string path)
    {
        var key = RandomNumberGenerator.GetBytes(KeyBytes);
        // Under a name of its own first: whoever starts at the same time finds a whole key or none, and the first one's stays.
        var draft = $"{path}.{Guid.NewGuid():n}";
        using (var file = PrivateFile.Create(draft))
        {
            file.Write(Encoding.ASCII.GetBytes(Convert.ToBase64String(key) + "\n"));
            file.Flush(flushToDisk: true);
        }

        try
        {
            File.Move(draft, path, overwrite: false);
            return key;
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(draft);
            return ReadKey(path);
        }
    }

    private static void Append(IncrementalHash hash, ContentPart part)
    {
        switch (part)
        {
            case TextPart text:
                hash.AppendData([0]);
                Append(hash, text.Text);
                break;
            case ImagePart image:
                hash.AppendData([1]);
                Append(hash, image.Data.Length);
                hash.AppendData(image.Data.Span);
                break;
            case ToolCallPart call:
                hash.AppendData([2]);
                Append(hash, call.Name);
                Append(hash, call.Arguments);
                break;
            default:
                throw new AuditException($"A conversation holds a {part.GetType().Name}, which the audit cannot hash. It knows text, images and tool calls.");
        }
    }

    private static void Append(IncrementalHash hash, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Append(hash, bytes.Length);
        hash.AppendData(bytes);
    }

    private static void Append(IncrementalHash hash, long number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, number);
        hash.AppendData(bytes);
    }
}
