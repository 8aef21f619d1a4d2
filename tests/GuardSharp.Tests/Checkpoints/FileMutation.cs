using System.Text;

namespace GuardSharp.Tests.Checkpoints;

/// <summary>Damages a file whose content is mostly JSON: bytes anywhere, and values where JSON has them.</summary>
internal static class FileMutation
{
    private static readonly string[] Values =
    [
        "0", "-1", "1", "2", "3", "1.5", "1e999", "-0", "1e-400", "255", "65536", "2147483647", "2147483648", "9223372036854775807", "9223372036854775808",
        "18446744073709551616", "100000000000000000000000000", "null", "true", "false", "\"\"", "\"x\"", "\"\\ud800\"", "\"\\u0000\"", "[]", "[[]]", "[0]", "[1,1]",
        "[null]", "{}", "{\"a\":1}", "NaN", "\"__metadata__\"", "\"F32\"", "\"BF16\"", "\"../x.safetensors\"", "[0,8]", "[8,0]", "[9223372036854775807,2]",
    ];

    /// <summary>A copy with one to three damages.</summary>
    public static byte[] Mutate(byte[] original, Random random)
    {
        var bytes = original;
        for (var damages = random.Next(1, 4); damages > 0; damages--)
        {
            bytes = Damage(bytes, random);
        }

        return bytes;
    }

    private static byte[] Damage(byte[] bytes, Random random)
    {
        var at = random.Next(bytes.Length + 1);
        switch (random.Next(8))
        {
            case 0:
                return Replace(bytes, at, 1, [(byte)random.Next(256)]);
            case 1:
                return Replace(bytes, at, 1, at < bytes.Length ? [(byte)(bytes[at] ^ (1 << random.Next(8)))] : []);
            case 2:
                return Replace(bytes, at, random.Next(1, 64), []);
            case 3:
                var from = random.Next(bytes.Length + 1);
                return Replace(bytes, at, 0, bytes.AsSpan(from, Math.Min(bytes.Length - from, random.Next(1, 64))));
            case 4:
                return bytes[..at];
            case 5:
                // The length field of a header, and a brace of a document: both at the front.
                var front = new byte[8];
                random.NextBytes(front.AsSpan(0, random.Next(1, 9)));
                return Replace(bytes, 0, random.Next(2) * 8, front);
            default:
                return ReplaceValue(bytes, at, random);
        }
    }

    // Puts another value behind the next colon or comma, up to the next end of a value.
    private static byte[] ReplaceValue(byte[] bytes, int at, Random random)
    {
        var offset = bytes.AsSpan(at).IndexOfAny((byte)':', (byte)',', (byte)'[');
        if (offset < 0)
        {
            return bytes;
        }

        var start = at + offset + 1;
        var end = bytes.AsSpan(start).IndexOfAny((byte)',', (byte)'}', (byte)']');
        return Replace(bytes, start, end < 0 ? 0 : end, Encoding.UTF8.GetBytes(Values[random.Next(Values.Length)]));
    }

    private static byte[] Replace(byte[] bytes, int at, int count, ReadOnlySpan<byte> by)
    {
        var end = Math.Min(bytes.Length, at + count);
        return [.. bytes.AsSpan(0, at), .. by, .. bytes.AsSpan(end)];
    }
}
