namespace GuardSharp.Tokenization;

/// <summary>The printable stand-ins for bytes in a <c>tokenizer.json</c> (GPT-2's byte-level alphabet): a blank is U+0120, a printable Latin-1 character itself.</summary>
internal static class ByteLevelAlphabet
{
    private const int Limit = 0x144; // the last stand-in is U+0143

    private static readonly char[] _characters = MakeCharacters();
    private static readonly short[] _bytes = MakeBytes();

    /// <summary>The stand-ins of a token's bytes.</summary>
    public static string Spell(ReadOnlySpan<byte> token) => string.Create(token.Length, token, static (text, bytes) =>
    {
        for (var i = 0; i < bytes.Length; i++)
        {
            text[i] = _characters[bytes[i]];
        }
    });

    /// <summary>Turns stand-ins, given as UTF-8, into the bytes they mean.</summary>
    /// <param name="utf8">UTF-8.</param>
    /// <param name="destination">At least as long as <paramref name="utf8"/>.</param>
    /// <returns>The number of bytes, or -1 if a character is no stand-in.</returns>
    public static int ToBytes(ReadOnlySpan<byte> utf8, Span<byte> destination)
    {
        var count = 0;
        for (var i = 0; i < utf8.Length; i++)
        {
            int character = utf8[i];
            if (character >= 0x80)
            {
                // Two-byte sequences reach U+07FF, past the last stand-in; longer ones are none, nor is damage.
                if (character is < 0xC2 or >= 0xE0 || i + 1 == utf8.Length)
                {
                    return -1;
                }

                character = (character & 0x1F) << 6 | utf8[++i] & 0x3F;
            }

            if (character >= Limit || _bytes[character] < 0)
            {
                return -1;
            }

            destination[count++] = (byte)_bytes[character];
        }

        return count;
    }

    private static char[] MakeCharacters()
    {
        var characters = new char[256];
        var moved = 0;
        for (var value = 0; value < 256; value++)
        {
            var printable = value is (>= 0x21 and <= 0x7E) or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            characters[value] = (char)(printable ? value : 256 + moved++);
        }

        return characters;
    }

    private static short[] MakeBytes()
    {
        var bytes = new short[Limit];
        bytes.AsSpan().Fill(-1);
        for (var value = 0; value < 256; value++)
        {
            bytes[_characters[value]] = (short)value;
        }

        return bytes;
    }
}
