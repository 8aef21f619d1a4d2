using System.Text.Json;
using GuardSharp.Models;

namespace GuardSharp.Tests.Models;

public sealed class PictureSightTests
{
    [Fact]
    public void Cross_attention_masks_are_those_of_the_reference_processor()
    {
        using var layouts = JsonDocument.Parse(File.ReadAllText(TestFiles.Golden("processing", "layouts.json")));
        var cases = layouts.RootElement.GetProperty("mllama_cross_attention_mask").EnumerateArray().ToList();
        Assert.NotEmpty(cases);
        foreach (var golden in cases)
        {
            int[] ids = [.. golden.GetProperty("input_ids").EnumerateArray().Select(id => id.GetInt32())];
            int[] tiles = [.. golden.GetProperty("num_tiles").EnumerateArray().Select(count => count.GetInt32())];
            var sight = new PictureSight(ids, golden.GetProperty("image_token").GetInt32());
            Assert.Equal(tiles.Length, sight.Pictures);
            var expected = golden.GetProperty("dense").EnumerateArray().Select(row => string.Join(' ', row.EnumerateArray().Select(picture => picture.GetRawText()))).ToList();
            Assert.Equal(expected, Dense(sight, ids.Length, tiles));
        }
    }

    [Theory]
    [InlineData(0, 3)]
    [InlineData(1, 4)]
    [InlineData(3, 7)]
    [InlineData(6, 5)]
    public void Any_piece_of_a_prompt_and_its_answer_sees_what_the_whole_does(int start, int count)
    {
        var sight = new PictureSight([1, 9, 2, 9, 9, 3], 9);
        var whole = PerToken(sight.Runs(0, 12));
        Assert.Equal(whole.Skip(start).Take(count), PerToken(sight.Runs(start, count)));
    }

    [Fact]
    public void An_answer_sees_what_the_last_token_of_its_prompt_does()
    {
        var run = Assert.Single(new PictureSight([1, 9, 2, 9, 9, 3], 9).Runs(6, 4));
        Assert.Equal(new SightRun(6, 4, 1, 2), run);
    }

    private static List<(int Token, int First, int Pictures)> PerToken(IEnumerable<SightRun> runs) =>
        [.. runs.SelectMany(run => Enumerable.Range(run.Start, run.Count).Select(token => (token, run.FirstPicture, run.Pictures)))];

    private static List<string> Dense(PictureSight sight, int length, int[] tiles)
    {
        const int most = 4;
        var rows = new List<string>();
        foreach (var run in sight.Runs(0, length))
        {
            var pictures = tiles.Select((count, picture) => Enumerable.Range(0, most)
                .Select(tile => picture >= run.FirstPicture && picture < run.FirstPicture + run.Pictures && tile < count ? 1 : 0));
            rows.AddRange(Enumerable.Repeat(string.Join(' ', pictures.Select(picture => $"[{string.Join(", ", picture)}]")), run.Count));
        }

        return rows;
    }
}
