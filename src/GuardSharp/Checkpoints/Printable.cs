using System.Text;

namespace GuardSharp.Checkpoints;

/// <summary>Makes what a file says fit for a message: a damaged file can hold control characters or a name of a megabyte.</summary>
internal static class Printable
{
    // Characters of a foreign string that a message shows.
    private const int MaxLength = 120;

    /// <summary>At most 120 characters, control characters and lone surrogates replaced.</summary>
    public static string Of(string text)
    {
        var shown = new StringBuilder(Math.Min(text.Length, MaxLength) + 3);
        foreach (var rune in text.AsSpan(0, Math.Min(text.Length, MaxLength)).EnumerateRunes())
        {
            shown.Append(Rune.IsControl(rune) ? "?" : rune.ToString());
        }

        return text.Length > MaxLength ? shown.Append("...").ToString() : shown.ToString();
    }

    /// <summary>A shape as <c>[2, 3]</c>.</summary>
    public static string Shape(IEnumerable<long> shape) => $"[{string.Join(", ", shape)}]";
}
