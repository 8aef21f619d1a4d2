using System.Text.Json;
using GuardSharp.Extensions.AI;
using GuardSharp.Server.Hosting;
using GuardSharp.Server.Judging;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.AI;

namespace GuardSharp.Server.Chat;

/// <summary>Writes an answer as server-sent events, as clients of OpenAI read them.</summary>
/// <remarks>
/// An error before the first event is an error of HTTP; after it, an event <c>{"error":{...}}</c> ends the stream, without <c>[DONE]</c>: half an
/// answer never looks like a whole one.
/// </remarks>
internal static class ChatStream
{
    public static async Task WriteAsync(HttpContext context, IAsyncEnumerable<ChatResponseUpdate> updates, ChatAnswer answer, bool includeUsage, CancellationToken cancellationToken)
    {
        var enumerator = updates.GetAsyncEnumerator(cancellationToken);
        await using var disposal = enumerator.ConfigureAwait(false);
        var more = await enumerator.MoveNextAsync().ConfigureAwait(false);
        Begin(context);
        try
        {
            for (; more; more = await enumerator.MoveNextAsync().ConfigureAwait(false))
            {
                if (answer.Chunk(enumerator.Current) is { } chunk)
                    await SendAsync(context, chunk, cancellationToken).ConfigureAwait(false);
            }

            await SendAsync(context, answer.End(), cancellationToken).ConfigureAwait(false);
            if (includeUsage)
                await SendAsync(context, answer.EndUsage(), cancellationToken).ConfigureAwait(false);
            await context.Response.WriteAsync("data: [DONE]\n\n", cancellationToken).ConfigureAwait(false);
        }
        catch (Exception error) when (!context.RequestAborted.IsCancellationRequested && KnownInStream(error) is { } known)
        {
            var json = JsonSerializer.Serialize(new ApiErrorBody(ApiError.Of(known)), ServerJson.Options);
            await context.Response.WriteAsync($"data: {json}\n\n", context.RequestAborted).ConfigureAwait(false);
        }
    }

    private static void Begin(HttpContext context)
    {
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-cache";
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
    }

    private static async Task SendAsync(HttpContext context, ChatBody chunk, CancellationToken cancellationToken)
    {
        await context.Response.WriteAsync($"data: {JsonSerializer.Serialize(chunk, ChatBody.Json)}\n\n", cancellationToken).ConfigureAwait(false);
        await context.Response.Body.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private static ApiException? KnownInStream(Exception error) => error switch
    {
        GuardTimeoutException => new ApiException(504, "server_error", error.Message, "guard_timeout"),
        OperationCanceledException => new ApiException(504, "server_error", "The request's time is over.", "deadline_exceeded"),
        GuardException => ApiError.Known(error) ?? new ApiException(500, "server_error", "The guard failed: nothing more is released.", "guard_error"),
        _ => ApiError.Known(error),
    };
}
