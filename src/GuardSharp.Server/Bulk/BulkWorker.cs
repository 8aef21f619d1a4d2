using System.ComponentModel.DataAnnotations;
using GuardSharp.Server.Audit;
using GuardSharp.Server.Guards;
using GuardSharp.Server.Judging;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using RabbitMQ.Client.Exceptions;

namespace GuardSharp.Server.Bulk;

/// <summary>Judges the messages of a queue: models and policies as the server's configuration has them, one worker a process, any number of processes.</summary>
internal sealed partial class BulkWorker
{
    private static readonly TimeSpan _firstWait = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan _longestWait = TimeSpan.FromSeconds(30);

    private readonly IConfiguration _configuration;
    private readonly IGuardLoader _loader;
    private readonly ILoggerFactory _logs;
    private readonly TimeProvider _time;
    private readonly ILogger _log;

    /// <param name="configuration">The sections Models, Policies and Worker under GuardSharp.</param>
    /// <param name="logs">Where is logged.</param>
    /// <param name="loader">Loads the models; null: those of configuration.</param>
    /// <param name="time">The clock of waits; null: the system's.</param>
    public BulkWorker(IConfiguration configuration, ILoggerFactory logs, IGuardLoader? loader = null, TimeProvider? time = null)
    {
        (_configuration, _logs, _time) = (configuration, logs, time ?? TimeProvider.System);
        _loader = loader ?? new GuardLoader(configuration, Options.Create(configuration.GetSection(ServerOptions.Section).Get<ServerOptions>() ?? new ServerOptions()), _time);
        _log = logs.CreateLogger<BulkWorker>();
    }

    /// <summary>Runs until it is told to stop; then finishes what is under way.</summary>
    /// <param name="ready">Called when the first connection takes messages.</param>
    /// <param name="stop">Tells it to stop.</param>
    /// <exception cref="GuardException">Configuration, a model, the broker or the store of results cannot be used.</exception>
    public async Task RunAsync(Action? ready, CancellationToken stop)
    {
        var options = ReadOptions(_configuration);
        var target = ResultTarget.Parse(options.Results);
        // Models first: a message that was taken is judged at once.
        var guards = new GuardRegistry(_loader.Load(stop));
        await using (guards.ConfigureAwait(false))
        {
            var service = new VerdictService(guards, new PolicyRegistry(PolicySections.Read(_configuration)), new NoDecisionLog(), _time);
            var judge = new BulkJudge(service, options, _time, _logs.CreateLogger<BulkJudge>());
            var database = OpenDatabase(target);
            try
            {
                await RunAsync(options, target, database, judge, ready, stop).ConfigureAwait(false);
            }
            finally
            {
                if (database is not null)
                    await database.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>One session after the other: the broker may restart, or move the queue to another node.</summary>
    private async Task RunAsync(WorkerOptions options, ResultTarget target, IResultStore? database, BulkJudge judge, Action? ready, CancellationToken stop)
    {
        var wait = _firstWait;
        void Begin()
        {
            Taking(_log, options.Queue, options.Prefetch);
            ready?.Invoke();
            ready = null;
            wait = _firstWait;
        }

        while (!stop.IsCancellationRequested)
        {
            try
            {
                var session = await BulkSession.OpenAsync(options, target, database, judge, _logs.CreateLogger<BulkSession>(), stop).ConfigureAwait(false);
                await using (session.ConfigureAwait(false))
                {
                    if (await session.RunAsync(Begin, stop).ConfigureAwait(false))
                        return;
                    Lost(_log);
                }
            }
            catch (Exception error) when (error is BrokerUnreachableException or AlreadyClosedException or OperationInterruptedException or IOException or TimeoutException)
            {
                Unreachable(_log, error.Message, wait.TotalSeconds);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }

            await Task.Delay(wait, _time, stop).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default).ConfigureAwait(false);
            wait = wait * 2 < _longestWait ? wait * 2 : _longestWait;
        }
    }

    private DatabaseResults? OpenDatabase(ResultTarget target) => target.Kind switch
    {
        ResultKind.Sqlite => DatabaseResults.InFile(target.Name, _logs.CreateLogger<DatabaseResults>(), _time),
        ResultKind.Postgres => DatabaseResults.InPostgres(target.Name, _logs.CreateLogger<DatabaseResults>(), _time),
        _ => null,
    };

    private static WorkerOptions ReadOptions(IConfiguration configuration)
    {
        var options = new WorkerOptions();
        try
        {
            configuration.GetSection(WorkerOptions.Section).Bind(options, binder => binder.ErrorOnUnknownConfiguration = true);
        }
        catch (InvalidOperationException error)
        {
            throw new GuardException($"{WorkerOptions.Section}: {error.Message} {error.InnerException?.Message}".TrimEnd(), error);
        }

        var mistakes = new List<ValidationResult>();
        return Validator.TryValidateObject(options, new ValidationContext(options), mistakes, validateAllProperties: true)
            ? options
            : throw new GuardException($"{WorkerOptions.Section}: {string.Join(' ', mistakes.Select(mistake => mistake.ErrorMessage))}");
    }

    [LoggerMessage(LogLevel.Information, "Taking messages of {Queue}, {Prefetch} at a time.")]
    private static partial void Taking(ILogger log, string queue, int prefetch);

    [LoggerMessage(LogLevel.Warning, "The broker is lost; connecting again.")]
    private static partial void Lost(ILogger log);

    [LoggerMessage(LogLevel.Warning, "The broker cannot be used ({Reason}); trying again in {Seconds} s.")]
    private static partial void Unreachable(ILogger log, string reason, double seconds);
}
