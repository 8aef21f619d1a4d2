using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Policies;
using GuardSharp.Server.Audit;
using GuardSharp.Server.Audit.Recording;
using GuardSharp.Server.Audit.Review;
using GuardSharp.Server.Audit.Store;
using GuardSharp.Server.Judging;
using GuardSharp.Server.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace GuardSharp.Tests.Server.Audit;

/// <summary>A server with nothing but the audit, on Kestrel.</summary>
internal sealed class AuditHost : IAsyncDisposable
{
    private readonly WebApplication _application;
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, long> _outcomes = new();
    private bool _stopped;

    private AuditHost(WebApplication application, KeptLog log)
    {
        _application = application;
        Log = log;
        var factory = application.Services.GetService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == "guardsharp.audit.decisions" && instrument.Meter.Scope == factory)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((_, count, tags, _) => _outcomes.AddOrUpdate((string)tags[0].Value!, count, (_, sum) => sum + count));
        _listener.Start();
    }

    public KeptLog Log { get; }

    public HttpClient Client { get; private set; } = null!;

    public IDecisionLog Decisions => Get<IDecisionLog>();

    public IDecisionStore Store => Get<IDecisionStore>();

    public FaultyStore Faults => (FaultyStore)Store;

    public T Get<T>()
        where T : notnull => _application.Services.GetRequiredService<T>();

    /// <summary>Starts a server with these settings of the section GuardSharp:Audit.</summary>
    public static async Task<AuditHost> StartAsync(
        IEnumerable<(string Name, string Value)> settings, TimeProvider? time = null, Caller? caller = null, IDecisionStore? store = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create($"{AuditOptions.Section}:{setting.Name}", (string?)setting.Value)));
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var log = new KeptLog();
        builder.Logging.ClearProviders().AddProvider(log);
        builder.Services.AddSingleton(time ?? TimeProvider.System);
        builder.Services.AddAudit(builder.Configuration);
        if (builder.Services.LastOrDefault(service => service.ServiceType == typeof(IDecisionStore)) is { } added)
        {
            builder.Services.Replace(ServiceDescriptor.Singleton<IDecisionStore>(services => new FaultyStore(store ?? (IDecisionStore)added.ImplementationFactory!(services))));
        }

        var application = builder.Build();
        application.Use((context, next) => AnswerErrorsAsync(context, next, caller ?? new Caller("reviewer", CallerRights.Review)));
        application.MapAudit();
        await application.StartAsync();
        return new AuditHost(application, log) { Client = new HttpClient { BaseAddress = new Uri(application.Urls.First()) } };
    }

    /// <summary>The settings of a SQLite store in a folder.</summary>
    public static List<(string, string)> Sqlite(TemporaryFolder folder, params (string, string)[] more) => [("Path", Path.Combine(folder.Path, "audit.db")), .. more];

    /// <summary>Records a decision.</summary>
    public async Task<string> RecordAsync(string text = "hello", bool isUnsafe = false, string caller = "app", DateTimeOffset? time = null)
    {
        var decision = Decision(text, isUnsafe, caller, time);
        await Decisions.RecordAsync(decision, TestContext.Current.CancellationToken);
        return decision.Id;
    }

    public static Decision Decision(string text = "hello", bool isUnsafe = false, string caller = "app", DateTimeOffset? time = null) => new()
    {
        Id = $"modr-{Guid.CreateVersion7():n}",
        Time = time ?? TimeProvider.System.GetUtcNow(),
        Caller = caller,
        Endpoint = "/v1/moderations",
        Conversation = Conversation.OfUser(text),
        Verdict = new Verdict
        {
            Task = VerdictTask.PromptClassification,
            Unsafe = isUnsafe,
            UnsafeProbability = isUnsafe ? 0.9 : 0.1,
            Threshold = 0.5,
            Categories = isUnsafe ? ["S1", "S10"] : [],
            CategoryProbabilities = new Dictionary<string, double> { ["S1"] = 0.25, ["S10"] = 0.5 },
            CategoryUncertainty = 0,
            Warnings = [],
            Model = "tiny@0123456789ab",
            PolicyVersion = "mlcommons@0123456789ab",
            PromptTokens = 12,
            ImageTokens = 3,
            Elapsed = TimeSpan.FromMilliseconds(5),
        },
        Latency = TimeSpan.FromMilliseconds(7.5),
    };

    /// <summary>The answer to a GET, as JSON.</summary>
    public async Task<JsonElement> GetAsync(string path, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using var answer = await Client.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(expected == answer.StatusCode, $"{path}: {answer.StatusCode} {text}");
        return JsonElement.Parse(text);
    }

    /// <summary>The answer to a POST, as JSON.</summary>
    public async Task<JsonElement> PostAsync(string path, object body, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using var answer = await Client.PostAsJsonAsync(new Uri(path, UriKind.Relative), body, TestContext.Current.CancellationToken);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(expected == answer.StatusCode, $"{path}: {answer.StatusCode} {text}");
        return JsonElement.Parse(text);
    }

    /// <summary>The lines of a JSON Lines answer.</summary>
    public async Task<List<JsonElement>> LinesAsync(string path)
    {
        var text = await Client.GetStringAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
        return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonElement.Parse(line))];
    }

    /// <summary>Ids of all stored decisions, in order.</summary>
    public async Task<List<string>> StoredIdsAsync()
    {
        var rows = await Store.ListAsync(new DecisionQuery { Limit = 1_000_000 }, TestContext.Current.CancellationToken);
        return [.. rows.Select(row => row.Row.Id)];
    }

    /// <summary>Decisions that had an outcome, as the metrics count them.</summary>
    public long Count(string outcome) => _outcomes.GetValueOrDefault(outcome);

    /// <summary>Waits until something is so; after a minute it will never be.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromMinutes(1));
        while (!await condition())
        {
            await Task.Delay(10, patience.Token);
        }
    }

    public static Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    /// <summary>A clean shutdown.</summary>
    public async Task StopAsync()
    {
        _stopped = true;
        await _application.StopAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>As good as a kill: nothing is written any more, and the run's file is free for the next.</summary>
    public void Kill()
    {
        _stopped = true;
        Faults.Hang();
        Get<RunFolder>().Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        _listener.Dispose();
        if (!_stopped)
        {
            await StopAsync();
        }

        (_application.Services.GetService<IDecisionStore>() as FaultyStore)?.Release();
        await _application.DisposeAsync();
    }

    private static async Task AnswerErrorsAsync(HttpContext context, RequestDelegate next, Caller caller)
    {
        context.Features.Set(caller);
        try
        {
            var rights = context.GetEndpoint()?.Metadata.GetMetadata<RequiredRights>()?.Rights ?? CallerRights.None;
            await (caller.May(rights) ? next(context) : throw new ApiException(403, "permission_error", "not allowed"));
        }
        catch (Exception error) when (error is ApiException or AuditException)
        {
            context.Response.StatusCode = error is ApiException api ? api.Status : 503;
            await context.Response.WriteAsJsonAsync(new { error.Message, (error as ApiException)?.Code });
        }
    }
}
