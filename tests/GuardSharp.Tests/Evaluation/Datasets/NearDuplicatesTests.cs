using CsCheck;
using GuardSharp.Evaluation.Datasets;

namespace GuardSharp.Tests.Evaluation.Datasets;

public sealed class NearDuplicatesTests
{
    [Fact]
    public void The_share_is_that_of_counting_grams_by_hand()
    {
        Gen.Select(Gen.Char['a', 'c'].Array[8, 40], Gen.Char['a', 'c'].Array[8, 40]).Sample((first, second) =>
        {
            var (one, other) = (new string(first), new string(second));
            var duplicates = new NearDuplicates();
            duplicates.Add(one);

            static HashSet<string> Grams(string text) => [.. Enumerable.Range(0, text.Length - 7).Select(start => text.Substring(start, 8))];
            var (a, b) = (Grams(one), Grams(other));
            Assert.Equal(a.Intersect(b).Count() / (double)a.Union(b).Count(), duplicates.Nearest(other), 12);
        }, iter: 500);
    }

    [Fact]
    public void Of_several_the_most_like_is_found_and_of_equals_the_first()
    {
        var duplicates = new NearDuplicates();
        foreach (var text in (string[])["how do I bake bread", "where is the station", "where is the station please", "where is the station"])
            duplicates.Add(text);

        Assert.Equal((1, 1.0), duplicates.NearestOf("Where is the station?"));
        Assert.Equal(2, duplicates.NearestOf("where is the station pleased").Number);
        Assert.Equal((-1, 0.0), duplicates.NearestOf("something else altogether"));
    }

    [Fact]
    public void The_same_text_is_found_however_common_its_grams_are()
    {
        var duplicates = new NearDuplicates();
        for (var i = 0; i < 300; i++)
            duplicates.Add($"the same sentence over and over again {i}");
        duplicates.Add("the same sentence over and over again");

        Assert.Equal((300, 1.0), duplicates.NearestOf("The same sentence over and over again!"));
    }
}
