using GuardSharp.Conversations;
using GuardSharp.Tests.Engine;

namespace GuardSharp.Tests.Cli;

public sealed class ModelExportTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task An_exported_file_judges_as_its_folder_does()
    {
        using var source = new TemporaryFolder();
        Llama3Folders.WriteLlama(source.Path);
        var run = await CommandLineRun.OfAsync("model", "export", "--model", source.Path, "--output", _folder["guard.gguf"], "--type", "f32", "--json");
        Assert.Equal(0, run.Code);
        Assert.Equal((_folder["guard.gguf"], new FileInfo(_folder["guard.gguf"]).Length), (run.Json().GetProperty("file").GetString(), run.Json().GetProperty("bytes").GetInt64()));
        // The trainer's tokenizer cuts numbers otherwise than Llama 3's, so a text without any is judged.
        Assert.Contains("cuts text otherwise", run.Error, StringComparison.Ordinal);
        // Float32 sums in another order.
        Assert.Equal(await JudgeAsync(source.Path), await JudgeAsync(_folder["guard.gguf"]), 1e-4);
    }

    [Theory]
    [InlineData("--type is \"q5_0\"; it must be one of f32, f16, q8_0, q4_0", "--type", "q5_0")]
    [InlineData("--pure goes with --type q4_0", "--type", "q8_0", "--pure")]
    [InlineData("only the llama architecture")]
    public async Task What_cannot_be_written_is_told_and_leaves_nothing(string saying, params string[] args)
    {
        (await CommandLineRun.OfAsync(["model", "export", "--model", TestFiles.Golden("llama4-guard-tiny"), "--output", _folder["x.gguf"], .. args])).IsRefused(saying);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public async Task A_file_of_another_name_is_refused() =>
        (await CommandLineRun.OfAsync("model", "export", "--model", TestFiles.Golden("llama-tiny", "tied"), "--output", _folder["x.bin"])).IsRefused("must end in .gguf");

    private static async Task<double> JudgeAsync(string path)
    {
        await using var guard = GuardClassifier.Load(path, new GuardOptions { Threads = 1 });
        return (await guard.ClassifyAsync(Conversation.OfUser("How do I pick a lock?"), cancellationToken: TestContext.Current.CancellationToken)).UnsafeProbability;
    }
}
