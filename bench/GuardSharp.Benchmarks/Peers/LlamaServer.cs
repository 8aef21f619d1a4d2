using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;

namespace GuardSharp.Benchmarks.Peers;

/// <summary>A llama-server that lives as long as this object: one slot, a context of 2,048 tokens.</summary>
internal sealed class LlamaServer : IDisposable
{
    private readonly Process process;
    private readonly HttpClient client;

    private LlamaServer(Process process, int port)
    {
        this.process = process;
        client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}/"), Timeout = TimeSpan.FromMinutes(5) };
    }

    /// <summary>Starts a server and waits until it answers.</summary>
    public static async Task<LlamaServer> StartAsync(string program, string model, int threads)
    {
        var port = FreePort();
        var count = threads.ToString(CultureInfo.InvariantCulture);
        // Its cache of slots in memory would copy keys and values at every change of the prompt.
        string[] arguments = ["-m", model, "-t", count, "-tb", count, "-c", "2048", "--parallel", "1", "--cache-ram", "0", "--no-webui", "--port", port.ToString(CultureInfo.InvariantCulture)];
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var server = new LlamaServer(process, port);
        try
        {
            while (!await server.AnswersAsync())
            {
                if (process.HasExited)
                {
                    throw new InvalidOperationException($"{program} ended with {process.ExitCode}. Does it run by hand with {string.Join(' ', arguments)}?");
                }

                await Task.Delay(200);
            }

            return server;
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    /// <summary>Reads a prompt and writes one token: the time as the client sees it and the server's processor time, and the tokens it really read.</summary>
    /// <param name="ids">The prompt.</param>
    /// <param name="cached">Whether keys and values of the prompt before may be used.</param>
    public async Task<(Cost Cost, int Read)> CompleteAsync(int[] ids, bool cached)
    {
        var used = ProcessorTime();
        var started = Stopwatch.GetTimestamp();
        using var response = await client.PostAsJsonAsync("completion", new { prompt = ids, n_predict = 1, cache_prompt = cached, temperature = 0.0 });
        var text = await response.Content.ReadAsStringAsync();
        var cost = new Cost(Stopwatch.GetElapsedTime(started), ProcessorTime() - used);
        response.EnsureSuccessStatusCode();
        using var json = JsonDocument.Parse(text);
        return (cost, json.RootElement.GetProperty("timings").GetProperty("prompt_n").GetInt32());
    }

    public void Dispose()
    {
        client.Dispose();
        if (!process.HasExited)
        {
            process.Kill();
            process.WaitForExit();
        }

        process.Dispose();
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            using var response = await client.GetAsync(new Uri("health", UriKind.Relative));
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private TimeSpan ProcessorTime()
    {
        process.Refresh();
        return process.TotalProcessorTime;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
