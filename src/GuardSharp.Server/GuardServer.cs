using GuardSharp.Server.Audit;
using GuardSharp.Server.Audit.Review;
using GuardSharp.Server.Chat;
using GuardSharp.Server.Endpoints;
using GuardSharp.Server.Guards;
using GuardSharp.Server.Hosting;
using GuardSharp.Server.Judging;
using GuardSharp.Server.Page;
using GuardSharp.Server.Security;
using GuardSharp.Server.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace GuardSharp.Server;

/// <summary>The moderation server: HTTP in front of one or several guards, as the section "GuardSharp" of its configuration says (docs/server.md).</summary>
/// <remarks>Started once. It listens at once and answers 503 until its models are loaded.</remarks>
public sealed partial class GuardServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private GuardServer(WebApplication app) => _app = app;

    /// <summary>Where it listens, once it was started: the real ports in place of port 0.</summary>
    public IReadOnlyList<Uri> Addresses =>
        [.. _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Select(address => new Uri(address.Replace("://*", "://[::]", StringComparison.Ordinal).Replace("://+", "://[::]", StringComparison.Ordinal)))];

    /// <summary>Ends when the models are loaded; fails with what kept one from being loaded.</summary>
    public Task Ready => Loading.Completion;

    /// <summary>The services, for tests.</summary>
    internal IServiceProvider Services => _app.Services;

    /// <summary>Is cancelled when the server was told to stop, or has to because its models cannot be loaded.</summary>
    internal CancellationToken Stopping => _app.Lifetime.ApplicationStopping;

    private GuardLoading Loading => _app.Services.GetRequiredService<GuardLoading>();

    /// <summary>Makes a server.</summary>
    /// <param name="configure">Adds the sources of configuration; null: everything is as it is by default.</param>
    /// <exception cref="GuardException">Configuration holds a value that cannot be used.</exception>
    public static GuardServer Create(Action<IConfigurationBuilder>? configure = null) => Create(configure, null);

    /// <summary>Makes a server.</summary>
    /// <param name="configure">Adds the sources of configuration.</param>
    /// <param name="adjust">Changes what is built before it is: logging, or services in tests.</param>
    internal static GuardServer Create(Action<IConfigurationBuilder>? configure, Action<WebApplicationBuilder>? adjust)
    {
        // Nothing but what is named here: no file of the folder it happens to start in, no address from the environment.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory, EnvironmentName = Environments.Production });
        try
        {
            configure?.Invoke(builder.Configuration);
        }
        catch (Exception error) when (error is InvalidDataException or FormatException)
        {
            throw new GuardException($"{error.Message} {error.InnerException?.Message}".TrimEnd(), error);
        }

        builder.Logging.AddConfiguration(builder.Configuration.GetSection("Logging"));
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        // Who asks whether the server is ready gets the answer; that it still loads is no failure.
        builder.Logging.AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.Critical);
        // Its error is thrown as well, and told in one line.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);
        AddServer(builder);
        AddRooms(builder);
        adjust?.Invoke(builder);
        try
        {
            var app = builder.Build();
            Use(app);
            return new GuardServer(app);
        }
        catch (OptionsValidationException error)
        {
            throw Invalid(error);
        }
    }

    /// <summary>Listens, and begins to load the models.</summary>
    /// <exception cref="GuardException">Configuration cannot be used, an address cannot be listened on, or other machines could call without a key.</exception>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            _app.Services.GetRequiredService<LiveConfiguration>().Begin();
            await _app.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OptionsValidationException error)
        {
            throw Invalid(error);
        }
        catch (Exception error) when (error is IOException or FormatException or InvalidOperationException)
        {
            // Kestrel says which address, and why.
            throw new GuardException($"The server cannot start: {error.Message}", error);
        }

        try
        {
            CheckReach();
        }
        catch
        {
            await _app.StopAsync(CancellationToken.None).ConfigureAwait(false);
            throw;
        }

        Loading.Begin();
    }

    /// <summary>Stops accepting and finishes what runs, for at most DrainSeconds.</summary>
    public Task StopAsync(CancellationToken cancellationToken = default) => _app.StopAsync(cancellationToken);

    /// <summary>Starts, and runs until it is told to stop; then finishes what runs.</summary>
    /// <param name="started">Called when it listens.</param>
    /// <param name="cancellationToken">Tells it to stop.</param>
    /// <exception cref="GuardException">It cannot start, or a model cannot be loaded.</exception>
    public async Task RunAsync(Action? started = null, CancellationToken cancellationToken = default)
    {
        await StartAsync(cancellationToken).ConfigureAwait(false);
        started?.Invoke();
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Stopping);
        await Task.Delay(Timeout.InfiniteTimeSpan, stopping.Token).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default).ConfigureAwait(false);
        try
        {
            await StopAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // What had not ended within DrainSeconds was cut off; that is how a drain may end, and no failure of the server.
            DrainCutOff(_app.Logger);
        }

        if (Ready.IsFaulted)
        {
            await Ready.ConfigureAwait(false);
        }
    }

    /// <summary>Stops, and lets go of the models.</summary>
    public async ValueTask DisposeAsync() => await _app.DisposeAsync().ConfigureAwait(false);

    [LoggerMessage(LogLevel.Warning, "The time to drain is over: requests that still ran were cut off.")]
    private static partial void DrainCutOff(ILogger log);

    private static void AddServer(WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<ServerOptions>().BindConfiguration(ServerOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<HostOptions>().Configure<IOptions<ServerOptions>>((host, server) =>
            host.ShutdownTimeout = TimeSpan.FromSeconds(server.Value.DrainSeconds + server.Value.DrainDelaySeconds));
        services.AddOptions<KestrelServerOptions>().Configure<IOptions<ServerOptions>>((kestrel, server) => Limit(kestrel, server.Value));
        builder.WebHost.UseKestrel((context, kestrel) => kestrel.Configure(context.Configuration.GetSection("Kestrel"), reloadOnChange: true));
        builder.WebHost.UseUrls((builder.Configuration[$"{ServerOptions.Section}:{nameof(ServerOptions.Urls)}"] ?? ServerOptions.DefaultUrls).Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
        services.AddRouting();
        services.AddSingleton<IHostLifetime, NoSignals>();
        services.AddHostedService<Draining>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<LiveConfiguration>();
        services.AddSingleton(provider => new BodyMemory(Options(provider).MaxBodyBytesTogether));
        services.ConfigureHttpJsonOptions(json => json.SerializerOptions.PropertyNamingPolicy = ServerJson.Options.PropertyNamingPolicy);
    }

    // Rooms, each with what it needs; docs/architecture.md says what they are.
    private static void AddRooms(WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddHealth();
        services.AddTelemetry(builder.Configuration);
        services.AddOpenApiDocument();
        services.AddSingleton<ApiKeys>();
        services.AddSingleton<IGuardLoader, GuardLoader>();
        services.AddSingleton<GuardLoading>();
        services.AddSingleton(_ => new GuardRegistry());
        services.AddSingleton(_ => new PolicyRegistry(new Dictionary<string, Policies.Policy>()));
        services.AddSingleton(provider => new ConversationLimits { MaxMessages = Options(provider).MaxMessages, MaxParts = Options(provider).MaxParts });
        services.AddSingleton<VerdictService>();
        services.AddAudit(builder.Configuration);
        services.AddForms();
        services.AddChat();
    }

    private static void Use(WebApplication app)
    {
        app.UseSecurityHeaders();
        app.UseMiddleware<ErrorMiddleware>();
        app.UseMiddleware<HostNameMiddleware>();
        app.UseRouting();
        app.UseMiddleware<CallerMiddleware>();
        app.UseMiddleware<LoadingMiddleware>();
        app.UseMiddleware<DeadlineMiddleware>();
        app.MapHealth();
        app.MapTelemetry();
        app.MapOpenApiDocument();
        app.MapClassify();
        app.MapModels();
        app.MapForms();
        app.MapPage();
        app.MapChat();
        app.MapAudit();
    }

    private static void Limit(KestrelServerOptions kestrel, ServerOptions options)
    {
        kestrel.AddServerHeader = false;
        var limits = kestrel.Limits;
        limits.MaxRequestBodySize = options.MaxBodyBytes;
        limits.MaxConcurrentConnections = options.MaxConnections;
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(options.HeaderTimeoutSeconds);
        limits.MinRequestBodyDataRate = new MinDataRate(options.MinBodyBytesPerSecond, TimeSpan.FromSeconds(options.BodyGraceSeconds));
    }

    // Nothing was judged yet: until the models are loaded every request is refused.
    private void CheckReach()
    {
        var options = Options(_app.Services);
        if (!options.AllowAnonymous && _app.Services.GetRequiredService<ApiKeys>().IsEmpty && Addresses.FirstOrDefault(address => !HostNameMiddleware.IsLoopback(address.Host)) is { } open)
        {
            throw new GuardException(
                $"Other machines can reach {open}, and no API key is configured: anybody could use this server. Make a key with \"guardsharp serve key NAME\", listen on 127.0.0.1, or set GuardSharp:AllowAnonymous.");
        }
    }

    private static GuardException Invalid(OptionsValidationException error) => new($"Configuration: {string.Join(' ', error.Failures)}", error);

    private static ServerOptions Options(IServiceProvider provider) => provider.GetRequiredService<IOptions<ServerOptions>>().Value;

    /// <summary>A host that is stopped by its owner, not by signals: the command listens to those.</summary>
    private sealed class NoSignals : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
