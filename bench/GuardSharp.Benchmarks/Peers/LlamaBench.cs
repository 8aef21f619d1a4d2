using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace GuardSharp.Benchmarks.Peers;

/// <summary>llama.cpp's own benchmark, a process for each run: it warms up and counts neither that nor loading.</summary>
/// <param name="program">The llama-bench executable.</param>
/// <param name="threads">Threads.</param>
internal sealed class LlamaBench(string program, int threads)
{
    /// <summary>Tokens a second: reading a prompt, and one after the other behind nothing.</summary>
    /// <param name="model">The GGUF file.</param>
    /// <param name="prompt">Tokens read.</param>
    /// <param name="generated">Tokens one after the other.</param>
    public (double Reading, double Writing) Run(string model, int prompt, int generated)
    {
        string[] arguments = ["-m", model, "-p", Text(prompt), "-n", Text(generated), "-t", Text(threads), "-r", "1", "-o", "json"];
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var complaints = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            // The process has ended, so its last words are there.
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {complaints.GetAwaiter().GetResult()}");
        }

        using var json = JsonDocument.Parse(output);
        double Speed(string key) => json.RootElement.EnumerateArray().Single(test => test.GetProperty(key).GetInt32() > 0).GetProperty("avg_ts").GetDouble();
        return (Speed("n_prompt"), Speed("n_gen"));
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
