using GuardSharp.Conversations;
using GuardSharp.Extensions.AI;
using GuardSharp.Server.Guards;
using GuardSharp.Server.Hosting;
using GuardSharp.Server.Judging;
using GuardSharp.Server.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace GuardSharp.Server.Chat;

/// <summary><c>POST /v1/guard/chat</c>: chat completions of an upstream model, with the guard on both sides (docs/chat.md).</summary>
internal static class ChatEndpoint
{
    private const string Path = "/v1/guard/chat";

    // Where clients look that are given /v1/guard for their address.
    private const string ClientPath = "/v1/guard/chat/completions";

    /// <summary>Adds what guarded chat needs.</summary>
    public static IServiceCollection AddChat(this IServiceCollection services)
    {
        services.AddOptions<ChatProxyOptions>().BindConfiguration(ChatProxyOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<Upstream>();
        return services;
    }

    /// <summary>Maps the endpoint.</summary>
    public static IEndpointRouteBuilder MapChat(this IEndpointRouteBuilder routes)
    {
        foreach (var (path, name) in ((string, string)[])[(Path, "chat"), (ClientPath, "chatCompletions")])
        {
            routes.MapPost(path, ChatAsync).RequireRights(CallerRights.Chat).WithoutDeadline()
                .WithName(name).WithSummary("A chat completion of the upstream model, its input and output judged by the guard.")
                .WithTags("chat").Accepts<ChatRequestBody>("application/json").Produces<ChatBody>().Produces<ApiErrorBody>(400).Produces<ApiErrorBody>(429).Produces<ApiErrorBody>(502).Produces<ApiErrorBody>(504);
        }

        return routes;
    }

    private static async Task ChatAsync(HttpContext context, IOptions<ChatProxyOptions> options, IOptions<ServerOptions> server, TimeProvider time, Upstream upstream)
    {
        var model = upstream.Client ?? throw new ApiException(
            404, "invalid_request_error", $"This server has no upstream model. Set {ChatProxyOptions.Section}:{nameof(ChatProxyOptions.UpstreamUrl)}.", "chat_not_configured");
        ChatRequest request;
        using (var body = await RequestJson.ReadAsync(context).ConfigureAwait(false))
            request = ChatRequest.Read(body.Root, options.Value.Model, server.Value);

        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(options.Value.MaxSeconds), time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, late.Token);
        var guard = GuardOf(context, options.Value);
        // Not disposed: it owns nothing but the upstream's client, which is the server's.
        var client = new GuardedChatClient(model, guard, options.Value.ToGuardedChatOptions(time), context.RequestServices.GetService<ILogger<GuardedChatClient>>());
        var answer = new ChatAnswer(guard, request.Options.ModelId, time);
        try
        {
            if (request.Stream)
                await ChatStream.WriteAsync(context, client.GetStreamingResponseAsync(request.Messages, request.Options, either.Token), answer, request.IncludeUsage, either.Token).ConfigureAwait(false);
            else
                await WriteAsync(context, answer.Whole(await client.GetResponseAsync(request.Messages, request.Options, either.Token).ConfigureAwait(false)), either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested)
        {
            throw ApiException.DeadlineExceeded(TimeSpan.FromSeconds(options.Value.MaxSeconds));
        }
        catch (GuardTimeoutException error)
        {
            throw new ApiException(504, "server_error", error.Message, "guard_timeout");
        }
    }

    private static CallerGuard GuardOf(HttpContext context, ChatProxyOptions options) => new(
        context.RequestServices.GetRequiredService<VerdictService>(),
        context.RequestServices.GetRequiredService<GuardRegistry>(),
        new JudgeRequest { Conversation = new Conversation([]), Caller = context.GetCaller(), Endpoint = Path, Model = options.Guard, PolicyName = options.Policy });

    private static Task WriteAsync(HttpContext context, ChatBody body, CancellationToken cancellationToken) =>
        context.Response.WriteAsJsonAsync(body, ChatBody.Json, cancellationToken);
}
