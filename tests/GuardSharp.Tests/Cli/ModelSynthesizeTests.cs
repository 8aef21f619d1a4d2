extern alias cli;

using cli::GuardSharp.CommandLine;
using GuardSharp.Cli;

namespace GuardSharp.Tests.Cli;

public sealed class ModelSynthesizeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("is no published size; there are guard-4-12b", "guard-5")]
    [InlineData("--shard-size is \"5TB\"", "guard-3-1b", "--shard-size", "5TB")]
    [InlineData("--shard-size is \"1000\"", "guard-3-1b", "--shard-size", "1000")]
    [InlineData("17 text layers", "guard-3-1b", "--text-layers", "17")]
    [InlineData("cannot be read", "guard-3-1b", "--tokenizer", "/none")]
    [InlineData("--tokenizer is empty", "guard-3-1b", "--tokenizer", "")]
    public async Task What_cannot_be_made_is_told_and_leaves_nothing(string saying, params string[] args)
    {
        (await CommandLineRun.OfAsync(["model", "synthesize", .. args, "--output", _folder["model"]])).IsRefused(saying);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public async Task A_folder_without_a_name_is_refused() =>
        (await CommandLineRun.OfAsync("model", "synthesize", "guard-3-1b", "--output", "")).IsRefused("--output is empty");

    [Fact]
    public async Task A_folder_that_is_there_is_kept()
    {
        Directory.CreateDirectory(_folder["model"]);
        File.WriteAllText(Path.Combine(_folder["model"], "mine"), "");
        (await CommandLineRun.OfAsync("model", "synthesize", "guard-3-1b", "--output", _folder["model"])).IsRefused("is there already");
        Assert.True(File.Exists(Path.Combine(_folder["model"], "mine")));
    }

    [Fact]
    public async Task A_stopped_run_leaves_nothing()
    {
        using var stop = new CancellationTokenSource();
        using var error = new StringWriter();
        var terminal = new Terminal(new Lazy<TextReader>(TextReader.Null), TextWriter.Null, error, false, false);
        var run = GuardSharpCommand.RunAsync(["model", "synthesize", "guard-3-1b", "--output", _folder["model"]], terminal, stop.Token);
        while (!run.IsCompleted && !Directory.EnumerateFiles(_folder.Path, "*.safetensors*", SearchOption.AllDirectories).Any())
        {
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }

        await stop.CancelAsync();
        Assert.Equal((130, "error: stopped"), (await run, error.ToString().Trim()));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }
}
