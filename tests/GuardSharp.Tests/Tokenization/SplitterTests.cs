using System.Text;
using System.Text.RegularExpressions;
using CsCheck;
using GuardSharp.Tokenization;

namespace GuardSharp.Tests.Tokenization;

/// <summary>The hand-written scanners against the published patterns.</summary>
public sealed class SplitterTests
{
    // One or more of every class that the patterns distinguish, and the traps: long s, Kelvin sign, U+0085, U+200B, U+FEFF, marks, title case.
    private const string Alphabet =
        "AaÉéǅʰª漢\u0301\u0903\u20E31²①Ⅳ \t\n\r\v\f\u0085\u00A0\u3000\u2028\u200B\uFEFF\u001C''''sSſtTrReEvVmMlLdD/!.\u212AÅ\uFFFDＡａ０☃\0";

    // BMP characters whose astral cousins have the same category: Lu, Ll, Nd, So, Lo, Mc.
    private static readonly (char Bmp, string Astral)[] _cousins =
        [('Ａ', "\U00010400"), ('ａ', "\U00010428"), ('０', "\U0001D7D8"), ('☃', "\U0001F600"), ('漢', "\U00020000"), ('\u0903', "\U00011000")];

    private static readonly Gen<string> _texts = Gen.Int[0, Alphabet.Length - 1].Array[0, 40].Select(places => new string([.. places.Select(place => Alphabet[place])]));

    [Theory]
    [InlineData(SplitPattern.Llama3)]
    [InlineData(SplitPattern.Llama4)]
    public void The_scanner_cuts_where_the_pattern_does(string pattern)
    {
        var regex = Reference(pattern);
        _texts.Sample(text => Assert.Equal(regex.Matches(text).Select(match => match.Value), Split(SplitPattern.For(pattern), text)), iter: 50_000);
    }

    [Theory]
    [InlineData(SplitPattern.Llama3)]
    [InlineData(SplitPattern.Llama4)]
    public void Letters_and_digits_beyond_the_basic_plane_cut_like_those_in_it(string pattern)
    {
        var splitter = SplitPattern.For(pattern);
        _texts.Sample(text => Assert.Equal(Split(splitter, text).Select(Lift), Split(splitter, Lift(text))), iter: 10_000);
    }

    [Theory]
    [InlineData(SplitPattern.Llama3)]
    [InlineData(SplitPattern.Llama4)]
    public void Any_other_pattern_goes_through_the_regular_expressions_of_dotnet(string pattern)
    {
        // The group changes nothing but the spelling, so the pattern is not recognised.
        var other = SplitPattern.For($"(?:{Reference(pattern)})");
        Assert.IsType<RegexSplitter>(other);
        var scanner = SplitPattern.For(pattern);
        _texts.Sample(text => Assert.Equal(Split(scanner, text), Split(other, text)), iter: 2_000);
    }

    [Fact]
    public void A_regular_expression_never_cuts_a_surrogate_pair()
    {
        var splitter = SplitPattern.For(".");
        Assert.Equal(["a", "😀", "b"], Split(splitter, "a😀b"));
    }

    [Fact]
    public void Text_between_matches_is_a_piece_of_its_own() =>
        Assert.Equal(["ab", "12", "c", "3"], Split(SplitPattern.For("[0-9]+"), "ab12c3"));

    private static Regex Reference(string pattern) => new(
        // The reference folds the long s into (?i:'s); .NET does not, so the classes are written out.
        pattern.Replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)", @"(?:'[sS\u017f]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])", StringComparison.Ordinal),
        RegexOptions.CultureInvariant);

    private static List<string> Split(IPieceSplitter splitter, string text)
    {
        var pieces = new List<string>();
        for (var start = 0; start < text.Length;)
        {
            var end = splitter.End(text, start);
            pieces.Add(text[start..end]);
            start = end;
        }

        return pieces;
    }

    private static string Lift(string text)
    {
        var lifted = new StringBuilder(text);
        foreach (var (bmp, astral) in _cousins)
        {
            lifted.Replace(bmp.ToString(), astral);
        }

        return lifted.ToString();
    }
}
