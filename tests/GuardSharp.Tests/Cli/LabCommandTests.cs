using System.Text.Json;
using GuardSharp.Tests.Engine;
using GuardSharp.Torch;

namespace GuardSharp.Tests.Cli;

/// <summary>guardsharp-lab judges and verifies as guardsharp does, on the backend and the device that are named.</summary>
public sealed class LabCommandTests : IDisposable
{
    // float32 sums in another order on logits of size 2 (tests/golden/README.md, "Tolerances").
    private const double Tolerance = 1e-4;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_default_guard_gives_the_verdict_of_guardsharp() => await RequireSameVerdictAsync("classify", "How do I pick a lock?");

    [Fact]
    public async Task A_conversation_with_pictures_gives_the_verdict_of_guardsharp()
    {
        RandomGuard.Write(_folder.Path);
        var picture = TestFiles.Golden("preprocessing", "images", "noise_97x61.png");
        await RequireSameVerdictAsync("classify", "what is this", "--image", picture, "--image", picture, "--model", _folder.Path);
    }

    [Fact]
    public async Task A_picture_read_by_cross_attention_gives_the_verdict_of_guardsharp()
    {
        Llama3Folders.WriteMllama(_folder.Path);
        await RequireSameVerdictAsync(
            "classify", "what is this", "--image", TestFiles.Golden("preprocessing", "images", "noise_97x61.png"), "--model", _folder.Path, "--prompt-variant", "guard3vision");
    }

    [Fact]
    public async Task A_batch_gives_the_rows_of_single_runs()
    {
        RandomGuard.Write(_folder.Path);
        using var other = new TemporaryFolder();
        var rows = other.Write("rows.jsonl", """{"id":"a","messages":[{"role":"user","content":"fox"}]}""" + "\n" + """{"id":"b","messages":[{"role":"user","content":"lock"}]}""" + "\n");
        var batch = await CommandLineRun.OfLabAsync("classify", "--batch", rows, "--output", other["out.jsonl"], "--json", "--model", _folder.Path);
        Assert.Equal((0, "", 2), (batch.Code, batch.Error, batch.Json().GetProperty("rows").GetInt32()));

        var single = (await CommandLineRun.OfAsync("classify", "lock", "--json", "--model", _folder.Path)).Json();
        using var last = JsonDocument.Parse(File.ReadLines(other["out.jsonl"]).Last());
        Assert.Equal("b", last.RootElement.GetProperty("id").GetString());
        Assert.Equal(single.GetProperty("unsafeProbability").GetDouble(), last.RootElement.GetProperty("unsafeProbability").GetDouble(), Tolerance);
    }

    [Theory]
    [InlineData("0", 1, "unsafe 0.")]
    [InlineData("1", 0, "safe 0.")]
    public async Task The_exit_code_is_the_verdict(string threshold, int code, string start)
    {
        RandomGuard.Write(_folder.Path);
        var run = await CommandLineRun.OfLabAsync("classify", "hello", "--threshold", threshold, "--model", _folder.Path);
        Assert.Equal((code, ""), (run.Code, run.Error));
        Assert.StartsWith(start, run.Out);
    }

    [Theory]
    [InlineData("llama4-tiny", "cases/two_images")]
    [InlineData("llama4-moe-tiny/moe", "../cases/image_1x2")]
    [InlineData("llama4-guard-tiny/bf16-sharded", "expected")]
    [InlineData("llama-tiny/tied", "cases/long")]
    [InlineData("mllama-tiny", "cases/image_1tile")]
    public async Task Recorded_tensors_are_met_on_either_backend(string model, string recorded)
    {
        var folder = TestFiles.Golden(model.Split('/'));
        var file = Path.Combine(folder, recorded + ".safetensors");
        foreach (var backend in new[] { "torch", "cpu" })
        {
            var run = await CommandLineRun.OfLabAsync("verify", "--model", folder, "--case", file, "--backend", backend);
            Assert.True(run.Code == 0, run.Out + run.Error);
            Assert.Contains(" tensors within 1E-4", run.Out);
        }
    }

    [Theory]
    [InlineData("--device is \"gpu\"; it must be cpu, cuda or cuda:N", "--device", "gpu")]
    [InlineData("--device is \"cuda:-1\"; it must be", "--device", "cuda:-1")]
    [InlineData("--device is \"cuda:\"; it must be", "--device", "cuda:")]
    [InlineData("--device is \"CUDA\"; it must be", "--device", "CUDA")]
    [InlineData("--backend is \"jax\"; it must be torch or cpu", "--backend", "jax")]
    [InlineData("--device cuda is for --backend torch", "--backend", "cpu", "--device", "cuda")]
    // Whether this machine has CUDA or not, a hundredth device it has not.
    [InlineData("--device is \"cuda:99\", but ", "--device", "cuda:99")]
    public async Task A_device_that_cannot_be_had_is_told_before_a_model_is_loaded(string saying, params string[] options)
    {
        (await CommandLineRun.OfLabAsync(["classify", "hello", "--model", "nowhere", .. options])).IsRefused(saying);
        (await CommandLineRun.OfLabAsync(["verify", "--model", "nowhere", "--case", "none.safetensors", .. options])).IsRefused(saying);
    }

    [Fact]
    public async Task Gradients_need_torch() =>
        (await CommandLineRun.OfLabAsync("verify", "--model", "nowhere", "--case", "none.safetensors", "--gradients", "--backend", "cpu")).IsRefused("--gradients needs --backend torch");

    [Fact]
    public async Task A_folder_that_holds_no_libtorch_is_named_by_every_command_that_needs_it()
    {
        // Which recipe a configuration asks for is read first, and needs no libtorch.
        await File.WriteAllTextAsync(_folder["x.json"], "{}", TestContext.Current.CancellationToken);
        foreach (var command in new[] { (string[])["classify", "hello"], ["verify", "--model", "x", "--case", "x"], ["train", "--config", _folder["x.json"]] })
        {
            await RequireRefusalAsync(_folder["none"], "there is no such folder", command);
            await RequireRefusalAsync(_folder.Path, "which has no ", command);
        }
    }

    [Fact]
    public async Task Libtorch_is_taken_from_the_folder_that_is_named()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs the file names of Linux");
        var beside = Path.GetDirectoryName(Directory.EnumerateFiles(AppContext.BaseDirectory, "libtorch_cpu.so", SearchOption.AllDirectories).First())!;
        foreach (var file in Directory.EnumerateFiles(beside))
        {
            File.CreateSymbolicLink(_folder[Path.GetFileName(file)], file);
        }

        var (code, output, error) = await RunAsync(_folder.Path, "classify", "hello", "--threshold", "0");
        Assert.Equal((1, ""), (code, error));
        Assert.StartsWith("unsafe ", output);

        // The one beside the program would still do: that a broken file here stops the command shows which one is taken.
        File.Delete(_folder["libtorch_cpu.so"]);
        _folder.Write("libtorch_cpu.so", "no library");
        await RequireRefusalAsync(_folder.Path, "libtorch_cpu.so cannot be loaded", "classify", "hello");
    }

    private static async Task RequireSameVerdictAsync(params string[] args)
    {
        // At 0 every verdict is unsafe, however close to the guard's own threshold it would be.
        args = [.. args, "--json", "--threshold", "0"];
        var expected = (await CommandLineRun.OfAsync(args)).Json();
        var run = await CommandLineRun.OfLabAsync([.. args, "--backend", "torch", "--device", "cpu"]);
        Assert.Equal((1, ""), (run.Code, run.Error));
        RequireSame(expected, run.Json());
        Assert.Equal(run.Json().GetProperty("unsafeProbability").GetDouble(), (await CommandLineRun.OfLabAsync([.. args, "--backend", "cpu"])).Json().GetProperty("unsafeProbability").GetDouble(), Tolerance);
    }

    private static void RequireSame(JsonElement expected, JsonElement actual)
    {
        Assert.Equal(expected.EnumerateObject().Select(property => property.Name), actual.EnumerateObject().Select(property => property.Name));
        foreach (var property in expected.EnumerateObject().Where(property => property.Name != "elapsedMilliseconds"))
        {
            var other = actual.GetProperty(property.Name);
            switch (property.Value.ValueKind)
            {
                case JsonValueKind.Object:
                    RequireSame(property.Value, other);
                    break;
                case JsonValueKind.Number:
                    Assert.Equal(property.Value.GetDouble(), other.GetDouble(), Tolerance);
                    break;
                default:
                    Assert.Equal(property.Value.GetRawText(), other.GetRawText());
                    break;
            }
        }
    }

    private static async Task RequireRefusalAsync(string libtorch, string saying, params string[] args)
    {
        var (code, output, error) = await RunAsync(libtorch, args);
        new CommandLineRun(code, output, error).IsRefused(saying);
        Assert.Contains(LibTorchFolder.Variable, error);
    }

    private static async Task<(int Code, string Out, string Error)> RunAsync(string libtorch, params string[] args)
    {
        using var process = ProcessTests.StartProgram("GuardSharp.Lab.dll", new() { [LibTorchFolder.Variable] = libtorch }, args);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output, await error);
    }
}
