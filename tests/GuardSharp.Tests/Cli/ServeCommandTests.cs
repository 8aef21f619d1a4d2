using System.Diagnostics;
using GuardSharp.Server.Security;

namespace GuardSharp.Tests.Cli;

public sealed class ServeCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    public async Task A_signal_ends_the_server_with_0(string signal)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs signals");
        using var process = ProcessTests.Start([], "serve", "--urls", "http://127.0.0.1:0");
        string? line;
        do
        {
            line = await process.StandardError.ReadLineAsync(TestContext.Current.CancellationToken);
            Assert.NotNull(line);
        }
        while (!line.StartsWith("listening on ", StringComparison.Ordinal));

        using var client = new HttpClient { BaseAddress = new Uri(line["listening on ".Length..]) };
        Assert.Contains("ok", await client.GetStringAsync("/health/live", TestContext.Current.CancellationToken));
        // The shell's own kill: a bare system has no program of that name.
        using (var kill = Process.Start("/bin/sh", ["-c", $"kill -{signal} {process.Id}"]))
        {
            await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal((0, ""), (process.ExitCode, await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)));
    }

    [Fact]
    public async Task A_key_is_printed_with_what_goes_into_the_configuration()
    {
        var made = (await CommandLineRun.OfAsync("serve", "key", "alice")).Json();
        var key = made.GetProperty("key").GetString()!;
        Assert.Matches("^gsk-[A-Za-z0-9_-]{43}$", key);
        Assert.Equal(ApiKeys.HashOf(key), made.GetProperty("configuration").GetProperty("GuardSharp:Keys:alice:Sha256").GetString());
        Assert.NotEqual(key, (await CommandLineRun.OfAsync("serve", "key", "alice")).Json().GetProperty("key").GetString());
    }

    [Fact]
    public async Task What_keeps_the_server_from_starting_is_said_in_one_line()
    {
        (await CommandLineRun.OfAsync("serve", "--config", _folder["none.json"])).IsRefused("none.json");
        (await CommandLineRun.OfAsync("serve", "--set", "nothing")).IsRefused("KEY=VALUE");
        (await CommandLineRun.OfAsync("serve", "--urls", "http://127.0.0.1:0", "--set", "GuardSharp:MaxBodyBytes=1")).IsRefused("MaxBodyBytes");
        (await CommandLineRun.OfAsync("serve", "--urls", "http://0.0.0.0:0")).IsRefused("guardsharp serve key");
        (await CommandLineRun.OfAsync("serve", "--urls", "nonsense")).IsRefused("nonsense");
    }

    [Fact]
    public async Task A_broken_configuration_file_is_said_with_its_name()
    {
        var run = await CommandLineRun.OfAsync("serve", "--config", _folder.Write("server.json", "{ broken"));
        Assert.Equal(2, run.Code);
        Assert.Contains("server.json", run.Error);
        Assert.DoesNotContain("unexpected error", run.Error);
    }

    [Fact]
    public async Task A_threshold_of_a_category_decides()
    {
        var verdict = (await CommandLineRun.OfAsync("classify", "hello", "--json", "--threshold", "1", "--category-threshold", "S1=0.000000001")).Json();
        Assert.True(verdict.GetProperty("unsafe").GetBoolean());
        Assert.Contains("S1", verdict.GetProperty("categories").EnumerateArray().Select(code => code.GetString()));
        (await CommandLineRun.OfAsync("classify", "hello", "--category-threshold", "S1")).IsRefused("--category-threshold");
        (await CommandLineRun.OfAsync("classify", "hello", "--category-threshold", "S99=0.5")).IsRefused("S99");
    }
}
