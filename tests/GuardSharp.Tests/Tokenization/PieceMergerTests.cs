using CsCheck;
using GuardSharp.Tokenization;

namespace GuardSharp.Tests.Tokenization;

/// <summary>The merging against its definition, for short pieces (scan) and long ones (heap).</summary>
public sealed class PieceMergerTests
{
    // 256 bytes and the strings over {a, b} of 2 to 4 letters that the rule below picks: plenty of ties and overlaps.
    private static readonly TokenTable _tokens = MakeTokens();

    private static readonly Gen<byte[]> _pieces = Gen.Int[0, 2].Select(i => "ab\u00FF"[i]).Array[1, 300].Select(System.Text.Encoding.Latin1.GetBytes);

    [Fact]
    public void Without_a_list_the_pair_whose_concatenation_has_the_lowest_id_joins_first() =>
        _pieces.Sample(piece => Assert.Equal(Naive(piece, (left, right) => Id([.. left, .. right])), Merge(piece, null)), iter: 3_000);

    [Fact]
    public void With_a_list_the_pair_that_stands_first_joins_first()
    {
        var (table, ranks) = MakeMerges();
        _pieces.Sample(piece => Assert.Equal(Naive(piece, (left, right) => ranks.GetValueOrDefault((Id(left), Id(right)), -1)), Merge(piece, table)), iter: 3_000);
    }

    [Fact]
    public void A_pair_that_stands_twice_in_the_list_is_an_error()
    {
        var table = new MergeTable("tokenizer.json");
        table.Add(1, 2, 3);
        table.Add(2, 1, 4);
        Assert.Throws<CheckpointException>(() => table.Add(1, 2, 5));
    }

    private static List<int> Merge(byte[] piece, MergeTable? merges)
    {
        var ids = new List<int>();
        new PieceMerger(_tokens, merges).Append(piece, ids);
        return ids;
    }

    // Rank is the priority of a pair or -1.
    private static IEnumerable<int> Naive(byte[] piece, Func<byte[], byte[], int> rank)
    {
        var parts = piece.Select(value => new[] { value }).ToList();
        while (true)
        {
            var best = Enumerable.Range(0, parts.Count - 1)
                .Select(i => (Rank: rank(parts[i], parts[i + 1]), At: i))
                .Where(pair => pair.Rank >= 0)
                .DefaultIfEmpty((Rank: -1, At: -1))
                .Min();
            if (best.At < 0)
            {
                return parts.Select(Id);
            }

            parts[best.At] = [.. parts[best.At], .. parts[best.At + 1]];
            parts.RemoveAt(best.At + 1);
        }
    }

    private static int Id(byte[] token) => _tokens.Find(token);

    private static TokenTable MakeTokens()
    {
        var builder = new TokenTable.Builder("test", 512);
        for (var value = 0; value < 256; value++)
        {
            builder.Add(value, [(byte)value]);
        }

        var id = 256;
        foreach (var token in (string[])["ba", "aa", "abab", "ab", "aaaa", "bab", "bbb", "bb", "abb", "aaa", "bbbb"])
        {
            builder.Add(id++, System.Text.Encoding.ASCII.GetBytes(token));
        }

        return builder.Build();
    }

    private static (MergeTable Table, Dictionary<(int Left, int Right), int> Ranks) MakeMerges()
    {
        var table = new MergeTable("test");
        var ranks = new Dictionary<(int, int), int>();
        foreach (var (left, right) in (ReadOnlySpan<(string, string)>)[("a", "b"), ("b", "b"), ("ab", "ab"), ("a", "a"), ("ab", "b"), ("aa", "aa"), ("b", "ab"), ("a", "aa"), ("b", "bb")])
        {
            var (leftBytes, rightBytes) = (System.Text.Encoding.ASCII.GetBytes(left), System.Text.Encoding.ASCII.GetBytes(right));
            ranks.Add((Id(leftBytes), Id(rightBytes)), table.Count);
            table.Add(Id(leftBytes), Id(rightBytes), Id([.. leftBytes, .. rightBytes]));
        }

        return (table, ranks);
    }
}
