using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace GuardSharp.Tests.Remote;

/// <summary>A request as it arrived.</summary>
internal sealed record ModelRequest(string Path, string? Authorization, JsonDocument Body);

/// <summary>A real server on a free port that answers as a test wants.</summary>
internal sealed class FakeModelServer : IAsyncDisposable
{
    private readonly WebApplication _application;
    private int _count;

    private FakeModelServer(WebApplication application) => _application = application;

    /// <summary>What is answered; the number counts requests from 1.</summary>
    public Func<HttpContext, int, Task> Answer { get; set; } = (_, _) => Task.CompletedTask;

    public ConcurrentQueue<ModelRequest> Requests { get; } = new();

    public Uri Address { get; private set; } = null!;

    public int Count => Volatile.Read(ref _count);

    /// <summary>Starts a server that answers every request with one body.</summary>
    public static Task<FakeModelServer> StartAsync(string body, int status = 200) => StartAsync((context, _) => Write(context, body, status));

    public static async Task<FakeModelServer> StartAsync(Func<HttpContext, int, Task> answer)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var server = new FakeModelServer(builder.Build()) { Answer = answer };
        server._application.Run(server.HandleAsync);
        await server._application.StartAsync();
        server.Address = new Uri(server._application.Urls.Single());
        return server;
    }

    public static async Task Write(HttpContext context, string body, int status = 200)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(body);
    }

    public async ValueTask DisposeAsync()
    {
        // Requests that a test left hanging must not keep the server.
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _application.StopAsync(now.Token);
        await _application.DisposeAsync();
    }

    private async Task HandleAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
        var body = JsonDocument.Parse(await reader.ReadToEndAsync());
        Requests.Enqueue(new ModelRequest(context.Request.Path, context.Request.Headers.Authorization, body));
        await Answer(context, Interlocked.Increment(ref _count));
    }
}
