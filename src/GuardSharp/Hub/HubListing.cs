using System.Text.Json;
using GuardSharp.Checkpoints;

namespace GuardSharp.Hub;

/// <summary>A file of a repository.</summary>
/// <param name="Path">Its path in the repository, with slashes; checked not to lead out of a folder.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Hash">64 digits: SHA-256 of a large file. 40 digits: Git's SHA-1 of a small one. In lower case; also the name of its blob.</param>
internal sealed record HubFile(string Path, long Size, string Hash);

/// <summary>What the hub says about a revision: its commit and its files.</summary>
/// <param name="Commit">40 hexadecimal digits.</param>
/// <param name="Files">All files of the commit.</param>
internal sealed record HubListing(string Commit, IReadOnlyList<HubFile> Files)
{
    // 16 TiB, beyond any file of the hub: the sizes of a whole list can be summed.
    private const long MaxFileBytes = 1L << 44;

    /// <summary>Reads the answer to <c>GET /api/models/REPO/revision/REV?blobs=true</c>.</summary>
    /// <exception cref="JsonException">It is no JSON.</exception>
    /// <exception cref="HubException">It lacks something, or a name leads out of the folder.</exception>
    public static HubListing Parse(ReadOnlyMemory<byte> json, string repository)
    {
        using var document = JsonDocument.Parse(json);
        var root = document.RootElement;
        if (Text(root, "sha") is not { } commit || !IsHex(commit, 40)
            || !root.TryGetProperty("siblings", out var files) || files.ValueKind != JsonValueKind.Array)
        {
            throw new HubException($"The hub's answer about {repository} holds no commit and no list of files. Is HF_ENDPOINT a hub?");
        }

        return new HubListing(commit, [.. files.EnumerateArray().Select(file => ReadFile(file, repository))]);
    }

    // A name from a server becomes a path here: it must stay below the folder on every system.
    private static bool IsSafe(string path) =>
        path.Length is > 0 and <= 1024 && path.AsSpan().IndexOfAny("\\:\0") < 0 && !path.Any(char.IsControl)
        && path.Split('/').All(part => part.Length > 0 && part.Trim(' ', '.').Length > 0);

    private static HubFile ReadFile(JsonElement file, string repository)
    {
        var path = Text(file, "rfilename") ?? "";
        if (!IsSafe(path))
        {
            throw new HubException($"The hub names a file \"{Printable.Of(path)}\" in {repository}, which is no path inside a folder. Nothing was downloaded; do not trust this server.");
        }

        var large = file.TryGetProperty("lfs", out var lfs) && lfs.ValueKind == JsonValueKind.Object;
        var hash = (large ? Text(lfs, "sha256") : Text(file, "blobId"))?.ToLowerInvariant();
        var size = large ? Number(lfs, "size") : Number(file, "size");
        return hash is not null && IsHex(hash, large ? 64 : 40) && size is >= 0 and <= MaxFileBytes
            ? new HubFile(path, size, hash)
            : throw new HubException($"The hub gives no possible size and hash for {Printable.Of(path)} of {repository}, so it could not be checked. Is HF_ENDPOINT a full mirror?");
    }

    private static string? Text(JsonElement parent, string key)
    {
        try
        {
            return parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair, or bytes that are no UTF-8: the parser leaves them to whoever reads the text.
            return null;
        }
    }

    private static long Number(JsonElement parent, string key) =>
        parent.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : -1;

    private static bool IsHex(string text, int digits) => text.Length == digits && text.All(char.IsAsciiHexDigit);
}
