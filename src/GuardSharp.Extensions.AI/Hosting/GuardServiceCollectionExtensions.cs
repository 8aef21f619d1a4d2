using GuardSharp;
using GuardSharp.Extensions.AI;
using GuardSharp.Extensions.AI.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Puts guards into an application's services.</summary>
public static class GuardServiceCollectionExtensions
{
    /// <summary>The tag of checks that say whether the process runs.</summary>
    public const string LiveTag = "live";

    /// <summary>The tag of checks that say whether it can judge.</summary>
    public const string ReadyTag = "ready";

    /// <summary>Adds a guard, an <see cref="IGuard"/> that is loaded when it is first asked for, and the <see cref="GuardedChatOptions"/> for UseGuard.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets options; null: guardsharp-tiny with the defaults. Checked at start.</param>
    /// <remarks>The guard is disposed asynchronously, as hosts dispose their services.</remarks>
    public static IServiceCollection AddGuard(this IServiceCollection services, Action<GuardServiceOptions>? configure = null) =>
        Add(services, null, null, configure);

    /// <summary>Adds a guard whose options are bound from configuration; a key that is not known there is an error.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configuration">The section, such as "Guard" of appsettings.json.</param>
    /// <param name="configure">Sets more options, over those of configuration.</param>
    public static IServiceCollection AddGuard(this IServiceCollection services, IConfiguration configuration, Action<GuardServiceOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return Add(services, null, configuration, configure);
    }

    /// <summary>Adds one of several guards under a key; UseKeyedGuard finds it.</summary>
    /// <param name="services">The services.</param>
    /// <param name="key">Its key.</param>
    /// <param name="configure">Sets options.</param>
    public static IServiceCollection AddKeyedGuard(this IServiceCollection services, string key, Action<GuardServiceOptions>? configure = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        return Add(services, key, null, configure);
    }

    /// <summary>Adds one of several guards under a key, its options bound from configuration.</summary>
    /// <param name="services">The services.</param>
    /// <param name="key">Its key.</param>
    /// <param name="configuration">The section.</param>
    /// <param name="configure">Sets more options.</param>
    public static IServiceCollection AddKeyedGuard(this IServiceCollection services, string key, IConfiguration configuration, Action<GuardServiceOptions>? configure = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        ArgumentNullException.ThrowIfNull(configuration);
        return Add(services, key, configuration, configure);
    }

    /// <summary>Adds two checks of a guard: one tagged <see cref="LiveTag"/>, and one tagged <see cref="ReadyTag"/> that asks it for a verdict.</summary>
    /// <param name="builder">The health checks.</param>
    /// <param name="key">The guard's key; null: the guard without one.</param>
    public static IHealthChecksBuilder AddGuard(this IHealthChecksBuilder builder, string? key = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var name = key is null ? "guard" : $"guard-{key}";
        return builder
            .Add(new HealthCheckRegistration($"{name}-live", new LiveHealthCheck(), null, [LiveTag]))
            .Add(new HealthCheckRegistration(
                name,
                provider => new GuardHealthCheck(() => key is null ? provider.GetRequiredService<IGuard>() : provider.GetRequiredKeyedService<IGuard>(key)),
                null,
                [ReadyTag]));
    }

    private static IServiceCollection Add(IServiceCollection services, string? key, IConfiguration? configuration, Action<GuardServiceOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        var options = services.AddOptions<GuardServiceOptions>(key ?? Options.Options.DefaultName);
        if (configuration is not null)
            options.Bind(configuration, binder => binder.ErrorOnUnknownConfiguration = true);
        if (configure is not null)
            options.Configure(configure);
        options.ValidateDataAnnotations().ValidateOnStart();
        if (key is null)
        {
            services.AddSingleton<IGuard>(provider => ConfiguredGuard.Load(OptionsOf(provider, null)));
            services.AddSingleton(provider => ChatOptionsOf(provider, null));
        }
        else
        {
            services.AddKeyedSingleton<IGuard>(key, (provider, _) => ConfiguredGuard.Load(OptionsOf(provider, key)));
            services.AddKeyedSingleton(key, (provider, _) => ChatOptionsOf(provider, key));
        }

        return services;
    }

    private static GuardServiceOptions OptionsOf(IServiceProvider provider, string? key) =>
        provider.GetRequiredService<IOptionsMonitor<GuardServiceOptions>>().Get(key ?? Options.Options.DefaultName);

    private static GuardedChatOptions ChatOptionsOf(IServiceProvider provider, string? key) =>
        OptionsOf(provider, key).Chat.ToOptions(provider.GetService<TimeProvider>() ?? TimeProvider.System);
}
