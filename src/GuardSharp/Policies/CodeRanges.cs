using System.Globalization;
using System.Text;

namespace GuardSharp.Policies;

/// <summary>Codes written short, runs collapsed: <c>S1-S3,S5,S9-S14</c>.</summary>
internal static class CodeRanges
{
    /// <summary>Writes the codes of categories that are in numeric order. A run of two is a range as well: <c>S1-S2</c>.</summary>
    public static string Format(IReadOnlyList<HazardCategory> categories)
    {
        var text = new StringBuilder();
        for (var i = 0; i < categories.Count;)
        {
            var last = i;
            while (last + 1 < categories.Count && categories[last + 1].Number == categories[last].Number + 1)
                last++;
            if (i > 0)
                text.Append(',');
            text.Append(categories[i].Code);
            if (last > i)
                text.Append(CultureInfo.InvariantCulture, $"-{categories[last].Code}");
            i = last + 1;
        }

        return text.ToString();
    }
}
