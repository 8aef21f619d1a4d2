using System.Diagnostics;
using System.Text.Json;
using GuardSharp.Tests.Hub;

namespace GuardSharp.Tests.Cli;

/// <summary>Downloading as the shell sees it.</summary>
public sealed class ModelDownloadTests : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FakeHub _hub = new();

    public ModelDownloadTests()
    {
        _hub.Files["config.json"] = "{}"u8.ToArray();
        _hub.Files["model.safetensors"] = new byte[2_000_000];
    }

    public async ValueTask DisposeAsync()
    {
        await _hub.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task The_folder_is_printed_and_then_known_to_list_and_offline()
    {
        var (code, output, error) = await RunAsync("model", "download", FakeHub.Repository);
        Assert.Equal((0, $"{FakeHub.Repository} at {FakeHub.Commit[..12]}: 2 files, 2.0 MB fetched"), (code, error.Trim()));
        var folder = output.TrimEnd();
        Assert.Equal(_hub.Files["model.safetensors"], File.ReadAllBytes(Path.Combine(folder, "model.safetensors")));
        Assert.All(_hub.Requests, request => Assert.Equal("Bearer hf_secret", request.Token));

        _hub.Requests.Clear();
        using var offline = JsonDocument.Parse((await RunAsync("model", "download", FakeHub.Repository, "--offline", "--json")).Out);
        Assert.Equal(folder, offline.RootElement.GetProperty("folder").GetString());
        using var list = JsonDocument.Parse((await RunAsync("model", "list", "--json")).Out);
        Assert.Contains(list.RootElement.GetProperty("models").EnumerateArray(), model =>
            model.GetProperty("name").GetString() == FakeHub.Repository && model.GetProperty("folder").GetString() == folder && model.GetProperty("bytes").GetInt64() == 2_000_002);
        Assert.Empty(_hub.Requests);
    }

    [Fact]
    public async Task The_list_names_the_default_and_the_published_family()
    {
        var run = await CommandLineRun.OfAsync("model", "list", "--cache", _folder["none"]);
        Assert.Equal((0, ""), (run.Code, run.Error));
        foreach (var name in (string[])["guardsharp-tiny", "meta-llama/Llama-Guard-4-12B", "meta-llama/Llama-Guard-3-11B-Vision", "meta-llama/Llama-Guard-3-8B", "meta-llama/Llama-Guard-3-1B"])
        {
            Assert.Contains(name, run.Out);
        }
    }

    [Fact]
    public async Task A_gated_repository_is_one_line_with_the_page()
    {
        _hub.Fault = _ => new FakeAnswer(403, []) { Headers = { ["X-Error-Code"] = "GatedRepo" } };
        var (code, output, error) = await RunAsync("model", "download", FakeHub.Repository);
        Assert.Equal((2, ""), (code, output));
        Assert.StartsWith("error: ", error);
        Assert.Contains($"{_hub.Address}{FakeHub.Repository}", error);
        Assert.DoesNotContain("hf_secret", error);
    }

    [Fact]
    public async Task An_interrupted_download_ends_with_130_and_can_go_on()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs SIGINT");
        var begun = new TaskCompletionSource();
        _hub.Fault = request =>
        {
            if (!request.Path.EndsWith(".safetensors", StringComparison.Ordinal))
            {
                return null;
            }

            begun.TrySetResult();
            return new FakeAnswer(200, []) { IsSilent = true };
        };
        using var process = ProcessTests.Start(Environment(), "model", "download", FakeHub.Repository);
        await begun.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        using (var kill = Process.Start("/bin/sh", ["-c", $"kill -INT {process.Id}"]))
        {
            await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal(130, process.ExitCode);
        Assert.Empty(Directory.GetFiles(_folder.Path, "model.safetensors", SearchOption.AllDirectories));
        Assert.Empty(Directory.GetFiles(_folder.Path, FakeHub.Sha256(_hub.Files["model.safetensors"]), SearchOption.AllDirectories));

        _hub.Fault = _ => null;
        Assert.Equal(0, (await RunAsync("model", "download", FakeHub.Repository)).Code);
    }

    private Dictionary<string, string?> Environment() => new()
    {
        ["HF_ENDPOINT"] = _hub.Address.ToString(),
        ["HF_HUB_CACHE"] = _folder["hub"],
        ["HF_TOKEN"] = "hf_secret",
        ["HF_HUB_OFFLINE"] = null,
    };

    private async Task<(int Code, string Out, string Error)> RunAsync(params string[] args)
    {
        using var process = ProcessTests.Start(Environment(), args);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output, await error);
    }
}
