using System.Text;
using GuardSharp.Evaluation.Datasets;
using GuardSharp.Policies;

namespace GuardSharp.Tests.Evaluation.Datasets;

public sealed class DataRowReaderTests : IDisposable
{
    private static readonly RowRules _rules = RowRules.Of(Policy.MlCommons);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_kind_of_bad_row_is_told_with_its_line_and_the_rows_behind_it_are_read()
    {
        (string Row, string Kind)[] bad =
        [
            ("{\"id\":", ProblemKind.BrokenJson),
            ("[1]", ProblemKind.BrokenJson),
            ("{\"id\":\"a\",\"id\":\"b\"}", ProblemKind.BrokenJson),
            (DataRows.Row("x", "   "), ProblemKind.EmptyText),
            (DataRows.Row("x", "text", true, ["S15"]), ProblemKind.UnknownCategory),
            (DataRows.Row("x", "text", false, ["S1"]), ProblemKind.SafeWithCategories),
            (DataRows.Row("x", "text", null), ProblemKind.MissingField),
            (DataRows.Row("", "text"), ProblemKind.MissingField),
            (DataRows.Row("x", "text").Replace("\"unsafe\":false", "\"unsafe\":\"no\"", StringComparison.Ordinal), ProblemKind.WrongType),
            (DataRows.Row("x", "text").Replace("\"categories\":[]", "\"categories\":\"S1\"", StringComparison.Ordinal), ProblemKind.WrongType),
            (DataRows.Row("x", "text").Replace("\"prompt\"", "\"response\"", StringComparison.Ordinal), ProblemKind.BadMessages),
            (DataRows.Row("x", "text").Replace("\"user\"", "\"narrator\"", StringComparison.Ordinal), ProblemKind.BadMessages),
            (DataRows.Row("x", "text").Replace("\"text\"", "[{\"type\":\"image\",\"path\":\"none.png\"}]", StringComparison.Ordinal), ProblemKind.MissingPicture),
            (DataRows.Row("x", "text").Replace("\"text\"", "[{\"type\":\"image\",\"path\":\"no-picture.png\"}]", StringComparison.Ordinal), ProblemKind.BadPicture),
            (DataRows.Row("x", "text").Replace("\"text\"", "[{\"type\":\"image\",\"path\":\"../x.png\"}]", StringComparison.Ordinal), ProblemKind.BadMessages),
        ];
        _folder.Write("no-picture.png", "plain text");
        var path = _folder.Write("rows.jsonl", string.Join('\n', bad.Select(one => one.Row).Append(DataRows.Row("good", "text"))));

        var read = DataRowReader.Read(path, _rules).ToList();

        Assert.Equal(bad.Select((one, i) => $"{i + 1} {one.Kind}"), read.SkipLast(1).Select(row => $"{row.Line} {row.Problems[0].Kind}"));
        Assert.All(read.SkipLast(1), row => Assert.Null(row.Row));
        Assert.Equal("good", read[^1].Row!.Id);
        Assert.Empty(read[^1].Problems);
    }

    [Fact]
    public void Everything_wrong_with_a_row_is_told_and_none_of_its_text()
    {
        var path = _folder.Write("rows.jsonl", DataRows.Row("x", "my secret", false, ["S77", "secret words"], source: null!));

        var problems = Assert.Single(DataRowReader.Read(path, _rules)).Problems;

        Assert.Equal([ProblemKind.UnknownCategory, ProblemKind.UnknownCategory, ProblemKind.SafeWithCategories, ProblemKind.MissingField], problems.Select(problem => problem.Kind));
        Assert.DoesNotContain(problems, problem => problem.Message.Contains("secret", StringComparison.Ordinal));
        Assert.StartsWith($"{path}:1: ", problems[0].ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_that_is_not_utf8_is_one_bad_row_among_good_ones()
    {
        File.WriteAllBytes(_folder["rows.jsonl"], [.. Encoding.Latin1.GetBytes(DataRows.Row("a", "caf\u00e9").Replace("\\u00E9", "\u00e9", StringComparison.Ordinal) + "\n"), .. Encoding.UTF8.GetBytes(DataRows.Row("b", "text") + "\n")]);

        var read = DataRowReader.Read(_folder["rows.jsonl"], _rules).ToList();

        Assert.Equal([ProblemKind.DamagedFile], read[0].Problems.Select(problem => problem.Kind));
        Assert.Equal("b", read[1].Row!.Id);
        Assert.Equal(2, read.Count);
    }

    [Theory]
    [InlineData("a\nb", 2)]
    [InlineData("a\nb\n", 2)]
    [InlineData("\n\na\r\nb\r\n\n", 2)]
    [InlineData("", 0)]
    [InlineData("\n", 0)]
    public void A_file_ends_with_its_last_row_with_or_without_a_line_feed(string text, int rows)
    {
        var path = _folder.Write("rows.jsonl", text.Replace("a", DataRows.Row("a", "one"), StringComparison.Ordinal).Replace("\nb", "\n" + DataRows.Row("b", new string('x', 200_000)), StringComparison.Ordinal));

        Assert.Equal(rows, DataRowReader.Read(path, _rules).Count(row => row.Row is not null));
    }

    [Fact]
    public void The_shared_sets_have_no_bad_row()
    {
        Assert.Empty(DataRowReader.Read(TestFiles.Shared("data", "guard-dev.jsonl.gz"), _rules).SelectMany(row => row.Problems));
        Assert.Equal(346, DataRowReader.Read(TestFiles.Shared("data", "figstep", "figstep.jsonl"), _rules).Count(row => row.Row?.Pictures.Count == 1));
    }
}
