using GuardSharp.Engine;

namespace GuardSharp.Tests.Engine;

/// <summary>What of an answer's continuations is read, and how often.</summary>
public sealed class ContinuationPlanTests
{
    [Fact]
    public void What_many_begin_with_is_read_once()
    {
        // unsafe, newline, S, and fourteen numbers; the question behind S itself is answered on the way.
        int[] list = [1, 2, 3];
        var plan = new ContinuationPlan([list, .. Enumerable.Range(10, 14).Select(number => (int[])[.. list, number]), []], []);
        Assert.Equal((3, 1), Assert.Single(plan.Stems.Select(stem => (stem.Ids.Length, stem.LastRows))));
        Assert.All(plan.Read, piece => Assert.Equal((0, 1, 1), (piece.Stem, piece.Rest.Length, piece.LastRows)));
        Assert.Equal(3 + 14, plan.Rows);
    }

    [Fact]
    public void A_stem_that_saves_little_is_not_worth_a_pass()
    {
        var plan = new ContinuationPlan([[1, 2, 3], [1, 2, 4], [1, 5]], []);
        Assert.Empty(plan.Stems);
        Assert.Equal(8, plan.Rows);
    }

    [Fact]
    public void What_earlier_questions_read_is_not_read_again()
    {
        // unsafe, newline, S; then the lists S1 and S2 up to the next S.
        Branch[] branches = [new([1, 2, 3], null!), new([1, 2, 3, 10, 4, 3], null!), new([1, 2, 3, 11, 4, 3], null!)];
        var plan = new ContinuationPlan([[1, 2, 3, 12, 4, 3], [1, 2, 3, 10, 4, 3, 11, 4, 3], [1, 2, 3, 10, 4, 3]], branches);
        Assert.Empty(plan.Stems);
        // Of the third continuation the row behind its last token is missing, so that token is read anew, on the way to the second's end.
        Assert.Equal([(1, 5, 4), (0, 3, 3)], plan.Read.Select(piece => (piece.Branch, piece.Start, piece.Rest.Length)));
    }

    [Fact]
    public void Every_continuation_gets_the_row_behind_its_last_token()
    {
        var random = new Random(8);
        var (stems, plain, known) = (0, 0, 0);
        for (var round = 0; round < 500; round++)
        {
            // Small alphabets share long beginnings, large ones none.
            var letters = random.Next(1, 6);
            int[][] continuations = [.. Enumerable.Range(0, random.Next(1, 200))
                .Select(_ => Enumerable.Range(0, random.Next(0, 7)).Select(_ => random.Next(letters)).ToArray())];
            Branch[] branches = [.. Enumerable.Range(0, random.Next(0, 4)).Select(_ => new Branch([.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => random.Next(letters))], null!))];
            var plan = new ContinuationPlan(continuations, branches);
            var read = plan.Stems.Select(stem => Piece(stem.Ids, [], stem.LastRows)).ToList();
            var pieces = plan.Read.Select(piece => Piece(piece.Rest, Before(piece), piece.LastRows)).ToList();
            int[] Before(PlannedPiece piece) => piece.Stem >= 0 ? read[piece.Stem].Ids.ToArray() : piece.Branch >= 0 ? branches[piece.Branch].Ids[..piece.Start] : [];
            var rows = plan.RowsOf(Row([]), read, pieces);
            Assert.Equal(continuations.Select(Row), rows);
            Assert.Equal(plan.Rows, read.Sum(piece => piece.Ids.Length) + pieces.Sum(piece => piece.Ids.Length));
            known += plan.Read.Count(piece => piece.Branch >= 0);
            (stems, plain) = (stems + (read.Count > 0 ? 1 : 0), plain + (read.Count > 0 ? 0 : 1));
        }

        Assert.True(stems > 50 && plain > 50 && known > 50, $"{stems} with stems, {plain} without; {known} pieces on branches");
    }

    /// <summary>A piece whose row behind each token is what was read until there.</summary>
    private static Piece Piece(int[] ids, int[] before, int lastRows) => new(null!, ids, null, 0, lastRows)
    {
        Rows = [.. Enumerable.Range(ids.Length - lastRows + 1, lastRows).Select(length => Row([.. before, .. ids[..length]]))],
    };

    private static float[] Row(int[] ids) => [.. ids.Select(id => (float)id)];
}
