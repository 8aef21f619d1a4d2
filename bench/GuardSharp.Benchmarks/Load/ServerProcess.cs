using System.Diagnostics;

namespace GuardSharp.Benchmarks.Load;

/// <summary><c>guardsharp serve</c> in a process of its own, on a free port of this machine.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private const string Listening = "listening on ";

    private readonly Process _process;

    private ServerProcess(Process process, Uri address)
    {
        _process = process;
        Address = address;
    }

    /// <summary>Where it listens.</summary>
    public Uri Address { get; }

    /// <summary>Processor time it has taken so far.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Memory it holds now.</summary>
    public long ResidentBytes
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <summary>Starts it, and waits until its model is loaded.</summary>
    public static async Task<ServerProcess> StartAsync(string executable, string model, IReadOnlyList<string> settings)
    {
        var process = Process.Start(new ProcessStartInfo(executable, ["serve", "--urls", "http://127.0.0.1:0", "--model", model, .. settings.SelectMany(setting => (string[])["--set", setting])]) { RedirectStandardError = true })!;
        string? line;
        do
        {
            line = await process.StandardError.ReadLineAsync() ?? throw new InvalidOperationException("The server ended before it listened.");
        }
        while (!line.StartsWith(Listening, StringComparison.Ordinal));

        // What it says from now on goes on to the terminal.
        _ = PassOnAsync(process.StandardError);
        var server = new ServerProcess(process, new Uri(line[Listening.Length..]));
        using var client = new HttpClient { BaseAddress = server.Address };
        while (!(await client.GetAsync("/health/ready")).IsSuccessStatusCode)
        {
            await Task.Delay(20);
        }

        return server;
    }

    /// <summary>Tells it to stop, and returns its exit code.</summary>
    public async Task<int> StopAsync()
    {
        using var kill = Process.Start("/bin/sh", ["-c", $"kill -TERM {_process.Id}"]);
        await _process.WaitForExitAsync();
        return _process.ExitCode;
    }

    private static async Task PassOnAsync(StreamReader reader)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            await Console.Error.WriteLineAsync(line);
        }
    }

    public ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
        return ValueTask.CompletedTask;
    }
}
