using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace GuardSharp.Tests.Server.Chat;

/// <summary>An OpenAI-compatible model on a port of its own that answers as a test says.</summary>
internal sealed class FakeUpstream : IAsyncDisposable
{
    private readonly WebApplication _app;

    private FakeUpstream(WebApplication app) => _app = app;

    /// <summary>The bodies that came.</summary>
    public ConcurrentQueue<JsonElement> Asked { get; } = [];

    /// <summary>The address below which its endpoint is.</summary>
    public string Url => $"{_app.Urls.First()}/v1";

    /// <summary>How calls end whose client left.</summary>
    public TaskCompletionSource Left { get; } = new();

    public static async Task<FakeUpstream> StartAsync(Func<HttpContext, Task> answer)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var upstream = new FakeUpstream(app);
        app.MapPost("/v1/chat/completions", async context =>
        {
            using var body = await JsonDocument.ParseAsync(context.Request.Body);
            upstream.Asked.Enqueue(body.RootElement.Clone());
            context.RequestAborted.Register(() => upstream.Left.TrySetResult());
            await answer(context);
        });
        await app.StartAsync();
        return upstream;
    }

    /// <summary>A model that says one text, in pieces where it is asked to stream.</summary>
    public static Task<FakeUpstream> SayingAsync(params string[] pieces)
    {
        FakeUpstream? upstream = null;
        return StartAsync(context => AnswerAsync(context, upstream!.Asked.Last(), pieces)).ContinueWith(task => upstream = task.Result, TaskScheduler.Default);
    }

    /// <summary>Answers as a model would.</summary>
    public static async Task AnswerAsync(HttpContext context, JsonElement asked, IReadOnlyList<string> pieces)
    {
        if (!asked.TryGetProperty("stream", out var stream) || !stream.GetBoolean())
        {
            await context.Response.WriteAsync(Whole(new { role = "assistant", content = string.Concat(pieces) }, "stop"));
            return;
        }

        foreach (var piece in pieces)
            await SendAsync(context, new { content = piece }, null);
        await SendAsync(context, new { }, "stop");
        await context.Response.WriteAsync("data: [DONE]\n\n");
    }

    /// <summary>A whole answer.</summary>
    public static string Whole(object message, string finish) => JsonSerializer.Serialize(new
    {
        id = "up-1",
        @object = "chat.completion",
        created = 1,
        model = "upstream-model",
        choices = (object[])[new { index = 0, message, finish_reason = finish }],
        usage = new { prompt_tokens = 3, completion_tokens = 4, total_tokens = 7 },
    });

    /// <summary>A piece of a streamed answer.</summary>
    public static async Task SendAsync(HttpContext context, object delta, string? finish)
    {
        if (!context.Response.HasStarted)
            context.Response.ContentType = "text/event-stream";
        var chunk = JsonSerializer.Serialize(new { id = "up-1", @object = "chat.completion.chunk", created = 1, model = "upstream-model", choices = (object[])[new { index = 0, delta, finish_reason = finish }] });
        await context.Response.WriteAsync($"data: {chunk}\n\n");
        await context.Response.Body.FlushAsync();
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
