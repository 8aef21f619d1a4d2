using System.Net;
using GuardSharp.Server.Judging;
using GuardSharp.Server.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace GuardSharp.Server.Hosting;

/// <summary>Refuses requests to names that are not this server's. Without keys a web page elsewhere could otherwise have its own name point at this machine and read the answers (DNS rebinding).</summary>
internal sealed class HostNameMiddleware(RequestDelegate next, IOptions<ServerOptions> options, ApiKeys keys)
{
    private readonly string[]? _allowed = options.Value.AllowedHosts?.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    public Task InvokeAsync(HttpContext context) => IsAllowed(context.Request.Host.Host)
        ? next(context)
        : throw new ApiException(
            StatusCodes.Status421MisdirectedRequest, "invalid_request_error", "This server does not answer to the name in the request's header Host. Add the name to GuardSharp:AllowedHosts.", "host_not_allowed");

    private bool IsAllowed(string host) => _allowed is { } names
        ? names.Contains("*") || names.Contains(host, StringComparer.OrdinalIgnoreCase)
        : !keys.IsEmpty || options.Value.AllowAnonymous || IsLoopback(host);

    /// <summary>Whether a host is this machine by name or number.</summary>
    internal static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}
