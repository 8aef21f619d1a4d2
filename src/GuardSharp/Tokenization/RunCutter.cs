namespace GuardSharp.Tokenization;

/// <summary>Meta's cutting of long texts before encoding: stretches of 400,000 code points, and in them runs of more than 25,000 characters that are all, or none, white space.</summary>
/// <remarks>Source: llama-models, <c>Tokenizer.encode</c>. Hugging Face does not cut; the ids differ only where a run or text is that long.</remarks>
internal static class RunCutter
{
    private const int MaxText = 400_000; // code points
    private const int MaxRun = 25_000; // code points

    /// <summary>The end of the stretch that starts at <paramref name="start"/>.</summary>
    public static int End(ReadOnlySpan<char> text, int start, ref int left)
    {
        if (text.Length <= MaxRun)
        {
            return text.Length;
        }

        var (run, runIsSpace) = (0, IsPythonSpace(text[start]));
        for (var at = start; at < text.Length; at += char.IsHighSurrogate(text[at]) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]) ? 2 : 1)
        {
            if (left == 0)
            {
                left = MaxText;
                return at;
            }

            var isSpace = IsPythonSpace(text[at]);
            run = isSpace == runIsSpace ? run + 1 : 1;
            runIsSpace = isSpace;
            if (run > MaxRun)
            {
                return at;
            }

            left--;
        }

        return text.Length;
    }

    /// <summary>The value of <c>left</c> for the first stretch of a text.</summary>
    public static int Start => MaxText;

    // str.isspace() also takes the four information separators.
    private static bool IsPythonSpace(char unit) => char.IsWhiteSpace(unit) || unit is >= '\u001C' and <= '\u001F';
}
