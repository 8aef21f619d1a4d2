using System.Text;
using GuardSharp.Conversations;

namespace GuardSharp.Defences;

/// <summary>Texts with what is base64 in them decoded, and digits read as the letters they look like.</summary>
internal sealed class DecodeDefence : IDefence
{
    public const string Key = "decode";

    // Shorter runs are words; 16 characters hold 12 bytes.
    private const int LeastRun = 16;
    private const string Leet = "4a@a3e1i0o5s$s7t";

    private static readonly UTF8Encoding _strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public string Name => Key;

    public IReadOnlyList<Conversation> Views(Conversation conversation) => TextDefence.View(conversation, text => ReadLeet(Decode(text)));

    /// <summary>The text with every run of base64 that is readable text replaced by it.</summary>
    internal static string Decode(string text)
    {
        StringBuilder? result = null;
        var copied = 0;
        for (var i = 0; i < text.Length; i++)
        {
            var end = i;
            while (end < text.Length && IsBase64(text[end]))
            {
                end++;
            }

            if (end - i >= LeastRun && ReadableOf(text[i..end]) is { } decoded)
            {
                result = (result ?? new StringBuilder()).Append(text, copied, i - copied).Append(decoded);
                copied = end;
            }

            i = Math.Max(i, end - 1);
        }

        return result is null ? text : result.Append(text, copied, text.Length - copied).ToString();
    }

    /// <summary>The text with digits and signs read as letters in words that have them between letters or before at least three.</summary>
    internal static string ReadLeet(string text)
    {
        StringBuilder? result = null;
        for (var i = 0; i < text.Length; i++)
        {
            var end = i;
            while (end < text.Length && IsLeetOrLetter(text[end]))
            {
                end++;
            }

            // Digits behind the last letter are a number (mp3).
            if (IsLeet(text.AsSpan(i, end - i)))
            {
                result ??= new StringBuilder(text);
                for (var place = i; place < end; place++)
                {
                    result[place] = LetterOf(text[place]) is var letter and not '\0' ? letter : text[place];
                }
            }

            i = Math.Max(i, end - 1);
        }

        return result?.ToString() ?? text;
    }

    private static bool IsLeet(ReadOnlySpan<char> word)
    {
        for (var i = 0; i < word.Length; i++)
        {
            if (LetterOf(word[i]) != '\0')
            {
                var after = Letters(word[(i + 1)..]);
                if (after >= 3 || (after > 0 && Letters(word[..i]) > 0))
                {
                    return true;
                }
            }
        }

        return false;
    }

    // The letter that a digit or sign stands for, or 0.
    private static char LetterOf(char sign) =>
        !char.IsAsciiLetter(sign) && Leet.IndexOf(sign, StringComparison.Ordinal) is var place and >= 0 ? Leet[place + 1] : '\0';

    private static int Letters(ReadOnlySpan<char> text)
    {
        var count = 0;
        foreach (var c in text)
        {
            count += char.IsAsciiLetter(c) ? 1 : 0;
        }

        return count;
    }

    private static bool IsLeetOrLetter(char c) => char.IsAsciiLetterOrDigit(c) || Leet.Contains(c);

    private static bool IsBase64(char c) => char.IsAsciiLetterOrDigit(c) || c is '+' or '/' or '-' or '_' or '=';

    private static string? ReadableOf(string run)
    {
        var body = run.TrimEnd('=').Replace('-', '+').Replace('_', '/');
        var bytes = new byte[body.Length];
        if (!Convert.TryFromBase64String(body.PadRight((body.Length + 3) / 4 * 4, '='), bytes, out var count))
        {
            return null;
        }

        try
        {
            var text = _strict.GetString(bytes, 0, count);
            return text.All(c => !char.IsControl(c) || char.IsWhiteSpace(c)) && text.Count(c => char.IsLetter(c) || c == ' ') * 10 >= text.Length * 7 ? text : null;
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}
