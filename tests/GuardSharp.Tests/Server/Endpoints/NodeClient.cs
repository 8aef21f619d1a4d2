using System.Diagnostics;
using System.Text.Json;

namespace GuardSharp.Tests.Server.Endpoints;

/// <summary>Runs the clients of tests/clients. They are installed by <c>npm ci</c> in that folder.</summary>
internal static class NodeClient
{
    /// <summary>Runs a script and reads what it prints. The test is skipped, with the reason printed, where Node.js or the packages are absent.</summary>
    public static async Task<JsonElement> RunAsync(string script, params string[] arguments)
    {
        var folder = Path.Combine(TestFiles.Root, "tests", "clients");
        Assert.SkipUnless(Directory.Exists(Path.Combine(folder, "node_modules")), "needs npm ci in tests/clients");
        var node = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(path => Path.Combine(path, "node")).FirstOrDefault(File.Exists);
        Assert.SkipUnless(node is not null, "needs Node.js");
        using var process = Process.Start(new ProcessStartInfo(node!, [Path.Combine(folder, script), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var cancellation = TestContext.Current.CancellationToken;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(cancellation), process.StandardError.ReadToEndAsync(cancellation));
        await process.WaitForExitAsync(cancellation);
        Assert.True(process.ExitCode == 0, await errors);
        return JsonDocument.Parse(await output).RootElement;
    }
}
