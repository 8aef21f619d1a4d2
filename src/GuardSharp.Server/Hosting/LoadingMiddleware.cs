using GuardSharp.Server.Security;
using Microsoft.AspNetCore.Http;

namespace GuardSharp.Server.Hosting;

/// <summary>Refuses work until the models are loaded; what is open to anybody (health) is answered at once.</summary>
internal sealed class LoadingMiddleware(RequestDelegate next, Readiness readiness)
{
    public Task InvokeAsync(HttpContext context) =>
        readiness.State == ServerState.Loading && context.GetEndpoint() is { } endpoint && endpoint.Metadata.GetMetadata<RequiredRights>()?.Rights != CallerRights.None
            ? throw Readiness.Loading()
            : next(context);
}
