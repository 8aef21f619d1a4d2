using System.Globalization;
using GuardSharp.Server.Judging;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace GuardSharp.Server.Hosting;

/// <summary>Metadata of endpoints that keep their own time, such as streams.</summary>
internal sealed record NoDeadline;

/// <summary>Ends requests that take too long: their <see cref="HttpContext.RequestAborted"/> is cancelled when the client leaves or the time is over, and the answer is 504.</summary>
internal sealed class DeadlineMiddleware(RequestDelegate next, IOptions<ServerOptions> options, TimeProvider time)
{
    /// <summary>The header by which a request asks for less time than the server allows, in milliseconds.</summary>
    public const string Header = "x-request-timeout-ms";

    public async Task InvokeAsync(HttpContext context)
    {
        if (context.GetEndpoint() is not { } endpoint || endpoint.Metadata.GetMetadata<NoDeadline>() is not null)
        {
            await next(context).ConfigureAwait(false);
            return;
        }

        var limit = LimitOf(context.Request);
        var client = context.RequestAborted;
        using var deadline = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(client, deadline.Token);
        context.RequestAborted = either.Token;
        try
        {
            await next(context).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !client.IsCancellationRequested)
        {
            throw ApiException.DeadlineExceeded(limit);
        }
        finally
        {
            context.RequestAborted = client;
        }
    }

    private TimeSpan LimitOf(HttpRequest request)
    {
        var limit = TimeSpan.FromSeconds(options.Value.RequestTimeoutSeconds);
        if (request.Headers[Header] is not { Count: > 0 } asked)
        {
            return limit;
        }

        if (asked is not [{ } text] || !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds) || milliseconds == 0)
        {
            throw ApiException.BadRequest($"The header {Header} must be one whole number of milliseconds from 1 to {int.MaxValue}.", Header);
        }

        return milliseconds < limit.TotalMilliseconds ? TimeSpan.FromMilliseconds(milliseconds) : limit;
    }
}

/// <summary>How endpoints speak of deadlines.</summary>
internal static class DeadlineExtensions
{
    /// <summary>The endpoint keeps its own time.</summary>
    public static TBuilder WithoutDeadline<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(new NoDeadline());
}
