using GuardSharp.Evaluation.Typesetting;
using SkiaSharp;

namespace GuardSharp.Lab.Training.Vision;

/// <summary>Endless text to typeset: passages of training texts, one after the other, at random.</summary>
/// <param name="texts">The texts.</param>
internal sealed class ReadingText(IReadOnlyList<string> texts)
{
    /// <summary>A passage that a font can render.</summary>
    /// <param name="random">The source of chance.</param>
    /// <param name="typeface">The font.</param>
    /// <param name="length">Characters wanted; a little more or less comes.</param>
    public string Next(Random random, SKTypeface typeface, int length)
    {
        var passage = "";
        // A text that the font cannot render is passed over; the texts hold enough that it can.
        for (var tries = 0; passage.Length < length && tries < 100; tries++)
        {
            var text = texts[random.Next(texts.Count)];
            var start = text.Length > length ? text.IndexOf(' ', random.Next(text.Length - length)) + 1 : 0;
            var part = text.AsSpan(start, Math.Min(length - passage.Length + 12, text.Length - start)).Trim().ToString().ReplaceLineEndings(" ");
            if (part.Length > 0 && TypesetRenderer.CanRender(part, typeface))
                passage = passage.Length == 0 ? part : $"{passage} {part}";
        }

        return passage;
    }
}
