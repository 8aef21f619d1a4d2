using System.Collections.Frozen;
using System.Text;

namespace GuardSharp.Defences;

/// <summary>Forms of the Latin letters and digits, and letters of other scripts that look like them.</summary>
/// <remarks>
/// Forms are those that Unicode's compatibility decomposition (NFKC) takes to ASCII, but for what ordinary text means as it is: superscript and
/// subscript digits, fractions, trade marks, circled numbers. Look-alikes are our own choice from what readers take for one another; Unicode's list
/// of confusables (UTS 39) is far longer. Accented letters are no look-alikes: whole languages are written in them.
/// </remarks>
internal static class LatinForms
{
    // Each letter is followed by what it stands for.
    private const string Letterlike =
        "ſsℂCℊgℋHℌHℍHℎhℐIℑIℒLℕNℙPℚQℛRℜRℝRℤZℨZKKℬBℭCℯeℰEℱFℳMℴoⅅDⅆdⅇeⅈiⅉj";

    private const string Raised =
        "ʰhʲjʳrʷwʸyˡlˢsˣxᴬAᴮBᴰDᴱEᴳGᴴHᴵIᴶJᴷKᴸLᴹMᴺNᴼOᴾPᴿRᵀTᵁUⱽVᵂWᵃaᵇbᶜcᵈdᵉeᶠfᵍgⁱiᵏkᵐmⁿnᵒoᵖpᵗtᵘuᵛvᶻzᵢiᵣrᵤuᵥvₐaₑeₒoₓxₕhₖkₗlₘmₙnₚpₛsₜt";

    private const string SmallCapitals = "ᴀaʙbᴄcᴅdᴇeꜰfɢgʜhɪiᴊjᴋkʟlᴍmɴnᴏoᴘpʀrꜱsᴛtᴜuᴠvᴡwʏyᴢzɑaɡgʋv";

    // Alike in nearly every font.
    private const string Twins =
        "аaсcԁdеeһhіiјjӏlоoрpԛqѕsуyхxѵvԝwАAВBЕEКKМMНHОOРPСCТTХXУYІIЈJЅSӀIԚQԜW" +
        "οoνvαaρpιiυuΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧX";

    // Alike enough to be read in the middle of a Latin word.
    private const string Cousins =
        "вbгrкkмmнhпnтtгrиuшwьbГrПn" + "γyχxκkτtηnεeωwσoβb" + "օoոnսuհhցgզqյjեt" + "ᎪAᏴBᏟCᎠDᎬEᏀGᎻHᎥiᎫJᏦKᏞLᎷMᏢPᎡRᏚSᎢTᏙVᎳWᏃZ";

    private static readonly FrozenDictionary<int, char> _forms = Pairs(Letterlike + Raised + SmallCapitals);
    private static readonly FrozenDictionary<int, char> _twins = Pairs(Twins);
    private static readonly FrozenDictionary<int, char> _cousins = Pairs(Twins + Cousins);

    /// <summary>The ASCII letter or digit that a character is a form of, or 0.</summary>
    public static char Form(Rune rune) => rune.Value switch
    {
        < 0x17F => '\0',
        >= 0x249C and <= 0x24B5 => (char)('a' + (rune.Value - 0x249C)),          // in parentheses
        >= 0x24B6 and <= 0x24CF => (char)('A' + (rune.Value - 0x24B6)),          // circled
        >= 0x24D0 and <= 0x24E9 => (char)('a' + (rune.Value - 0x24D0)),
        >= 0x1D400 and <= 0x1D6A3 => Case((rune.Value - 0x1D400) % 52),          // mathematical alphabets
        >= 0x1D7CE and <= 0x1D7FF => (char)('0' + ((rune.Value - 0x1D7CE) % 10)),
        >= 0x1F110 and <= 0x1F129 => (char)('A' + (rune.Value - 0x1F110)),       // in parentheses, squared and negative
        >= 0x1F130 and <= 0x1F149 => (char)('A' + (rune.Value - 0x1F130)),
        >= 0x1F150 and <= 0x1F169 => (char)('A' + (rune.Value - 0x1F150)),
        >= 0x1F170 and <= 0x1F189 => (char)('A' + (rune.Value - 0x1F170)),
        _ => _forms.GetValueOrDefault(rune.Value),
    };

    /// <summary>The ASCII letter that a regional indicator shows where it stands alone, or 0. Two of them are a flag.</summary>
    public static char Regional(Rune rune) => rune.Value is >= 0x1F1E6 and <= 0x1F1FF ? (char)('A' + (rune.Value - 0x1F1E6)) : '\0';

    /// <summary>The ASCII character that a full-width one stands for, or 0.</summary>
    public static char FullWidth(Rune rune) => rune.Value is >= 0xFF01 and <= 0xFF5E ? (char)(rune.Value - 0xFF01 + '!') : rune.Value == 0x3000 ? ' ' : '\0';

    /// <summary>The letters of a ligature, or null.</summary>
    public static string? Ligature(Rune rune) => rune.Value switch
    {
        0xFB00 => "ff",
        0xFB01 => "fi",
        0xFB02 => "fl",
        0xFB03 => "ffi",
        0xFB04 => "ffl",
        0xFB05 or 0xFB06 => "st",
        _ => null,
    };

    /// <summary>The Latin letter that nobody can tell from this one of another script, or 0.</summary>
    public static char Twin(Rune rune) => _twins.GetValueOrDefault(rune.Value);

    /// <summary>The Latin letter that this one of another script passes for in a Latin word, or 0.</summary>
    public static char LookAlike(Rune rune) => _cousins.GetValueOrDefault(rune.Value);

    private static char Case(int letter) => (char)(letter < 26 ? 'A' + letter : 'a' + letter - 26);

    private static FrozenDictionary<int, char> Pairs(string text)
    {
        var pairs = new Dictionary<int, char>();
        var runes = text.EnumerateRunes().ToArray();
        for (var i = 0; i < runes.Length; i += 2)
        {
            pairs[runes[i].Value] = (char)runes[i + 1].Value;
        }

        return pairs.ToFrozenDictionary();
    }
}
