using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace GuardSharp.Server.Endpoints.Completions;

/// <summary>An answer as server-sent events, one for each chunk, ended by <c>[DONE]</c>.</summary>
/// <remarks>The verdict is there before the first byte leaves, so errors are ordinary answers and no stream breaks off half way.</remarks>
internal sealed class EventStream<T>(IEnumerable<T> chunks) : IResult
{
    /// <inheritdoc/>
    public async Task ExecuteAsync(HttpContext httpContext)
    {
        ArgumentNullException.ThrowIfNull(httpContext);
        var response = httpContext.Response;
        response.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-cache";
        var events = new StringBuilder();
        foreach (var chunk in chunks)
            events.Append("data: ").Append(JsonSerializer.Serialize(chunk, FormJson.Options)).Append("\n\n");
        await response.WriteAsync(events.Append("data: [DONE]\n\n").ToString(), httpContext.RequestAborted).ConfigureAwait(false);
    }
}
