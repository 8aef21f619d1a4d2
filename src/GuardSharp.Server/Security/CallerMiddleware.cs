using System.Net;
using System.Threading.RateLimiting;
using GuardSharp.Server.Judging;
using Microsoft.AspNetCore.Http;

namespace GuardSharp.Server.Security;

/// <summary>Finds out who calls, whether they may, and whether it is too often. Runs before anything of the body is read.</summary>
internal sealed class CallerMiddleware(RequestDelegate next, ApiKeys keys)
{
    private const string KeyHeader = "x-api-key";
    private const string Scheme = "Bearer ";

    private static readonly Caller _local = Caller.Anonymous with { Rights = Caller.Anonymous.Rights | CallerRights.Review | CallerRights.Metrics };
    private static readonly Caller _stranger = new("stranger", CallerRights.None);

    public Task InvokeAsync(HttpContext context)
    {
        if (context.GetEndpoint() is not { } endpoint)
        {
            return next(context);
        }

        var required = endpoint.Metadata.GetMetadata<RequiredRights>()?.Rights ?? CallerRights.Classify;
        var key = SentKey(context.Request) is { } sent ? keys.Find(sent) : null;
        var caller = key?.Caller ?? (keys.IsEmpty ? Anonymous(context) : _stranger);
        context.Features.Set(caller);
        if (required == CallerRights.None)
        {
            return next(context);
        }

        if (caller == _stranger)
        {
            throw ApiException.Unauthorized();
        }

        if (!caller.May(required))
        {
            throw ApiException.Forbidden((required & ~caller.Rights).ToString());
        }

        Admit(key?.Limiter);
        return next(context);
    }

    // Decisions and metrics tell of everybody's use: without keys they are for this machine alone.
    private static Caller Anonymous(HttpContext context) =>
        context.Connection.RemoteIpAddress is { } address && IPAddress.IsLoopback(address) ? _local : Caller.Anonymous;

    // Both headers, as clients of different services send them; one of them alone counts.
    private static string? SentKey(HttpRequest request)
    {
        if (request.Headers.Authorization is [{ } authorization] && authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return authorization[Scheme.Length..].Trim();
        }

        return request.Headers[KeyHeader] is [{ Length: > 0 } key] ? key : null;
    }

    private static void Admit(RateLimiter? limiter)
    {
        using var lease = limiter?.AttemptAcquire();
        if (lease is { IsAcquired: false })
        {
            var wait = lease.TryGetMetadata(MetadataName.RetryAfter, out var time) ? time : TimeSpan.FromSeconds(1);
            throw ApiException.TooMany("This API key sends more requests than its limit allows. Wait as long as Retry-After says, or have RequestsPerMinute raised.", "rate_limit_exceeded", wait);
        }
    }
}
