using GuardSharp.Server.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace GuardSharp.Server.Hosting;

/// <summary>What orchestrators ask: is the process alive, does it take work.</summary>
internal static class HealthEndpoints
{
    /// <summary>The tag of checks that decide whether the server is ready.</summary>
    public const string Ready = "ready";

    /// <summary>Adds the check of the server's own state; rooms add theirs with the tag <see cref="Ready"/>.</summary>
    public static IServiceCollection AddHealth(this IServiceCollection services)
    {
        services.AddSingleton<Readiness>();
        services.AddHealthChecks().AddCheck<StateCheck>("server", tags: [Ready]);
        return services;
    }

    /// <summary>Maps <c>/health/live</c> and <c>/health/ready</c>; both are open to anybody and name no model.</summary>
    public static IEndpointRouteBuilder MapHealth(this IEndpointRouteBuilder routes)
    {
        Map(routes, "/health/live", _ => false);
        Map(routes, "/health/ready", check => check.Tags.Contains(Ready));
        return routes;
    }

    private static void Map(IEndpointRouteBuilder routes, string path, Func<HealthCheckRegistration, bool> which) =>
        routes.MapHealthChecks(path, new HealthCheckOptions { Predicate = which, ResponseWriter = WriteAsync }).RequireRights(CallerRights.None);

    private static Task WriteAsync(HttpContext context, HealthReport report)
    {
        if (report.Status == HealthStatus.Unhealthy)
        {
            context.Response.Headers.RetryAfter = "2";
        }

        // Descriptions say in a word what is wrong; exceptions stay in the log.
        var checks = report.Entries.ToDictionary(entry => entry.Key, entry => entry.Value.Description ?? Word(entry.Value.Status));
        return context.Response.WriteAsJsonAsync(new HealthBody(Word(report.Status), checks), ServerJson.Options, context.RequestAborted);
    }

    private static string Word(HealthStatus status) => status == HealthStatus.Unhealthy ? "unavailable" : status == HealthStatus.Degraded ? "degraded" : "ok";

    private sealed record HealthBody(string Status, IReadOnlyDictionary<string, string> Checks);

    private sealed class StateCheck(Readiness readiness) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(readiness.State switch
        {
            ServerState.Ready => HealthCheckResult.Healthy("ready"),
            ServerState.Loading => HealthCheckResult.Unhealthy("loading"),
            _ => HealthCheckResult.Unhealthy("draining"),
        });
    }
}
