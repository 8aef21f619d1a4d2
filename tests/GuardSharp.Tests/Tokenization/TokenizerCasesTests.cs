using GuardSharp.Tokenization;

namespace GuardSharp.Tests.Tokenization;

public sealed class TokenizerCasesTests
{
    [Fact]
    public void A_folder_with_both_model_files_is_checked_for_both()
    {
        var report = TokenizerCases.Run(TestFiles.Shared("golden", "tokenizer"), TestFiles.Golden("tokenizer", "cases.json"));
        Assert.Equal(4 * 154, report.Compared);
        Assert.Empty(report.Mismatches);
    }

    [Fact]
    public void A_mismatch_tells_row_column_and_both_lists()
    {
        using var folder = new TemporaryFolder();
        var cases = folder.Write("cases.json", """[{"text":"safe","llama4":[1]},{"text":"<|eot|>","llama4_special":[200008]}]""");
        var report = TokenizerCases.Run(TestFiles.Shared("golden", "tokenizer", "llama4_tokenizer.model"), cases);
        Assert.Equal(2, report.Compared);
        var mismatch = Assert.Single(report.Mismatches);
        Assert.Equal((0, "llama4", "safe"), (mismatch.Row, mismatch.Column, mismatch.Text));
        Assert.NotEqual(mismatch.Expected, mismatch.Actual);
    }

    [Fact]
    public void A_tokenizer_that_the_cases_are_not_for_is_an_error() =>
        Assert.Throws<CheckpointException>(() => TokenizerCases.Run(SmallTokenizer.Path, TestFiles.Golden("tokenizer", "cases.json")));

    [Theory]
    [InlineData("{}")]
    [InlineData("[{}]")]
    [InlineData("[7]")]
    [InlineData("[")]
    [InlineData("""[{"text":"a","llama4":["x"]}]""")]
    [InlineData("""[{"text":"a"}]""")]
    public void Cases_that_cannot_be_read_are_an_error(string content)
    {
        using var folder = new TemporaryFolder();
        var model = TestFiles.Shared("golden", "tokenizer", "llama4_tokenizer.model");
        Assert.Throws<GuardException>(() => TokenizerCases.Run(model, folder.Write("cases.json", content)));
    }
}
