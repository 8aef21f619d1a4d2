using GuardSharp.Imaging;

namespace GuardSharp.Evaluation.Typesetting;

/// <summary>Where a letter of the text came to stand.</summary>
/// <param name="Index">Its index in the text (UTF-16).</param>
/// <param name="X">The middle of its width, in pixels of the picture.</param>
/// <param name="Y">The middle of a small letter's height, in pixels of the picture.</param>
internal readonly record struct PlacedLetter(int Index, float X, float Y);

/// <summary>A rendered text.</summary>
/// <param name="Image">The picture.</param>
/// <param name="Text">The text, of which the end may be missing in the picture.</param>
/// <param name="Size">Font size in pixels.</param>
/// <param name="Letters">The letters that are in the picture, spaces left out, in the text's order.</param>
internal sealed record TypesetPicture(RgbaImage Image, string Text, float Size, IReadOnlyList<PlacedLetter> Letters)
{
    /// <summary>True when every letter of the text is in the picture.</summary>
    public bool IsComplete => Letters.Count > 0 && string.IsNullOrWhiteSpace(Text[(Letters[^1].Index + 1)..]);
}
