using GuardSharp.Server.Audit.Recording;
using GuardSharp.Server.Audit.Store;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace GuardSharp.Server.Audit;

/// <summary>How the audit becomes part of a host.</summary>
internal static class AuditServices
{
    /// <summary>Adds the record of decisions: what configuration says in <c>GuardSharp:Audit</c>, or none.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="configuration">The whole configuration.</param>
    /// <exception cref="AuditException">A key or a value of the section cannot be understood.</exception>
    public static IServiceCollection AddAudit(this IServiceCollection services, IConfiguration configuration)
    {
        var section = configuration.GetSection(AuditOptions.Section);
        services.AddOptions<AuditOptions>().Bind(section, binder => binder.ErrorOnUnknownConfiguration = true).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton(provider => provider.GetRequiredService<IOptions<AuditOptions>>().Value);
        if (!Read(section).IsOn)
        {
            return services.AddSingleton<IDecisionLog, NoDecisionLog>();
        }

        services.AddMetrics();
        services.AddSingleton<AuditMetrics>();
        services.AddSingleton(provider => RunFolder.Open(provider.Options().StateFolder, provider.Options(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new ContentHasher(ContentHasher.FindKey(provider.Options().HashKey, provider.GetRequiredService<RunFolder>().KeyPath)));
        services.AddSingleton(provider => new DecisionQueue(provider.Options().MaxPendingBytes));
        services.AddSingleton<IDecisionStore>(provider => new SqlDecisionStore(Dialect(provider.Options()), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<StoreLink>();
        services.AddSingleton<IDecisionLog, DecisionLog>();
        services.AddHostedService<DecisionWriter>();
        services.AddHostedService<RetentionJob>();
        services.AddHealthChecks().AddCheck<AuditHealth>("audit", tags: ["ready"]);
        return services;
    }

    private static AuditOptions Read(IConfigurationSection section)
    {
        try
        {
            return section.Get<AuditOptions>(binder => binder.ErrorOnUnknownConfiguration = true) ?? new AuditOptions();
        }
        catch (InvalidOperationException error)
        {
            throw new AuditException($"{AuditOptions.Section}: {error.Message} {error.InnerException?.Message}".TrimEnd(), error);
        }
    }

    private static AuditOptions Options(this IServiceProvider provider) => provider.GetRequiredService<AuditOptions>();

    private static ISqlDialect Dialect(AuditOptions options) => options.Provider == AuditProvider.PostgreSql
        ? new PostgresDialect(options.ConnectionString!, options.StoreTimeoutSeconds)
        : new SqliteDialect(options.Path!, options.StoreTimeoutSeconds);
}
