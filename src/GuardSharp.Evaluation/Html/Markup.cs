using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace GuardSharp.Evaluation.Html;

/// <summary>A piece of HTML. It is made of interpolated strings alone, whose holes are escaped, so no text of a row can become markup.</summary>
/// <param name="Html">The text of the piece.</param>
internal readonly record struct Markup(string Html)
{
    /// <summary>Nothing.</summary>
    public static Markup Empty { get; } = new("");

    /// <summary>The piece that an interpolated string writes.</summary>
    public static Markup Of(MarkupHandler written) => new(written.ToString());

    /// <summary>Pieces one behind the other.</summary>
    public static Markup Join(IEnumerable<Markup> pieces) => new(string.Concat(pieces.Select(piece => piece.Html)));

    /// <inheritdoc/>
    public override string ToString() => Html;
}

/// <summary>Writes an interpolated string as HTML: what stands in the source is markup, what is put in is text.</summary>
[InterpolatedStringHandler]
internal readonly struct MarkupHandler
{
    private readonly StringBuilder _html;

    /// <summary>What the compiler calls.</summary>
    public MarkupHandler(int literalLength, int formattedCount) => _html = new StringBuilder(literalLength + (16 * formattedCount));

    /// <summary>What stands in the source.</summary>
    public void AppendLiteral(string markup) => _html.Append(markup);

    /// <summary>A piece made before.</summary>
    public void AppendFormatted(Markup markup) => _html.Append(markup.Html);

    /// <summary>A count, its thousands grouped.</summary>
    public void AppendFormatted(long count) => _html.Append(count.ToString("N0", CultureInfo.InvariantCulture));

    /// <summary>A number.</summary>
    public void AppendFormatted(double number, string format) => AppendFormatted(number.ToString(format, CultureInfo.InvariantCulture));

    /// <summary>A text from anywhere.</summary>
    public void AppendFormatted(string? text)
    {
        foreach (var rune in (text ?? "").EnumerateRunes())
        {
            Append(rune);
        }
    }

    /// <inheritdoc/>
    public override string ToString() => _html.ToString();

    private void Append(Rune rune)
    {
        switch (rune.Value)
        {
            case '&': _html.Append("&amp;"); break;
            case '<': _html.Append("&lt;"); break;
            case '>': _html.Append("&gt;"); break;
            case '"': _html.Append("&quot;"); break;
            case '\'': _html.Append("&#39;"); break;
            // They would turn the order of the page around; a reader must see that they are there.
            case 0x061C or 0x200E or 0x200F or (>= 0x202A and <= 0x202E) or (>= 0x2066 and <= 0x2069): Name(rune); break;
            case '\n' or '\t': _html.Append((char)rune.Value); break;
            case < 0x20 or (>= 0x7F and < 0xA0): Name(rune); break;
            default: _html.Append(rune.ToString()); break;
        }
    }

    private void Name(Rune rune) => _html.Append("[U+").Append(rune.Value.ToString("X4", CultureInfo.InvariantCulture)).Append(']');
}
