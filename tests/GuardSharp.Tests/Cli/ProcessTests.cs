using System.Diagnostics;
using System.Text.Json;

namespace GuardSharp.Tests.Cli;

/// <summary>The command line as the shell sees it.</summary>
public sealed class ProcessTests(TestModel model) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Results_go_to_standard_output_and_the_exit_code_is_the_verdict()
    {
        var (code, output, error) = await RunAsync("", "classify", "hello", "--json", "--threshold", "0", "--model", model.Folder);
        Assert.Equal((1, ""), (code, error));
        using var verdict = JsonDocument.Parse(output);
        Assert.True(verdict.RootElement.GetProperty("unsafe").GetBoolean());
    }

    [Fact]
    public async Task Text_beyond_ascii_goes_in_and_out_whatever_the_locale()
    {
        var (code, output, _) = await RunAsync("naïve ตัวอย่าง 🙂", "prompt", "-", "--prompt-variant", "compact");
        Assert.Equal(0, code);
        Assert.Contains("naïve ตัวอย่าง 🙂", output);
    }

    [Fact]
    public async Task Errors_go_to_standard_error_with_exit_code_2()
    {
        var (code, output, error) = await RunAsync("", "classify", "x", "--model", _folder["none"]);
        Assert.Equal((2, ""), (code, output));
        Assert.StartsWith("error: ", error);
    }

    [Fact]
    public async Task An_interrupted_batch_ends_with_130_and_leaves_no_file()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs SIGINT");
        var rows = _folder.Write("rows.jsonl", string.Concat(Enumerable.Repeat("""{"messages":[{"role":"user","content":"some text to judge"}]}""" + "\n", 200_000)));
        using var process = Start("classify", "--batch", rows, "--output", _folder["out.jsonl"], "--model", model.Folder);
        process.StandardInput.Close();

        // The unfinished file shows that the run has begun.
        while (!process.HasExited && Directory.GetFiles(_folder.Path).Length == 1)
        {
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }

        // The shell's own kill: a bare system has no program of that name.
        using (var kill = Process.Start("/bin/sh", ["-c", $"kill -INT {process.Id}"]))
        {
            await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal(130, process.ExitCode);
        Assert.Equal([rows], Directory.GetFiles(_folder.Path));
    }

    private static async Task<(int Code, string Out, string Error)> RunAsync(string input, params string[] args)
    {
        using var process = Start(args);
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output, await error);
    }

    private static Process Start(params string[] args) => Start([], args);

    /// <summary>Starts the command as the shell does, with more variables.</summary>
    internal static Process Start(Dictionary<string, string?> environment, params string[] args) => StartProgram("GuardSharp.Cli.dll", environment, args);

    /// <summary>Starts one of the executables.</summary>
    internal static Process StartProgram(string program, Dictionary<string, string?> environment, params string[] args)
    {
        var utf8 = new System.Text.UTF8Encoding(false);
        var start = new ProcessStartInfo(Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet", [Path.Combine(AppContext.BaseDirectory, program), .. args])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = utf8,
            StandardOutputEncoding = utf8,
            StandardErrorEncoding = utf8,
        };
        start.Environment["LC_ALL"] = "C";
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }
}
