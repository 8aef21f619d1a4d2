using Yarp.ReverseProxy.Health;

namespace GuardSharp.Balancer;

/// <summary>A front for several GuardSharp servers: least requests, active and passive health, and another try where a replica dies.</summary>
public static class Balancer
{
    /// <summary>Makes the front. appsettings.json beside the program holds routes, replicas and health checks.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="configure">More configuration, which goes before the file's.</param>
    public static WebApplication Create(string[] args, Action<IConfigurationBuilder>? configure = null)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
        configure?.Invoke(builder.Configuration);
        // The largest body that a GuardSharp server takes by default.
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = AnotherTry.MaxBodyBytes);
        // A replica that failed is tried again after its window at the earliest, whatever ReactivationPeriod says.
        builder.Services.Configure<TransportFailureRateHealthPolicyOptions>(health => health.DetectionWindowSize = TimeSpan.FromSeconds(5));
        builder.Services.AddReverseProxy().LoadFromConfig(builder.Configuration.GetSection("ReverseProxy"));
        var app = builder.Build();
        app.MapReverseProxy(proxy =>
        {
            proxy.Use(AnotherTry.RunAsync);
            proxy.UseLoadBalancing();
            proxy.UsePassiveHealthChecks();
        });
        return app;
    }
}
