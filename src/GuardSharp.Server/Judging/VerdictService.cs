using System.Diagnostics;
using GuardSharp.Conversations;
using GuardSharp.Server.Audit;
using GuardSharp.Server.Guards;
using GuardSharp.Server.Telemetry;

namespace GuardSharp.Server.Judging;

/// <summary>The one way from an endpoint to a verdict: model, policy, threshold, verdict, record.</summary>
/// <remarks>Safe from any thread. Every endpoint goes through here, so that nothing is judged without its limits and its record.</remarks>
internal sealed class VerdictService(
    GuardRegistry guards, PolicyRegistry policies, IDecisionLog decisions, TimeProvider time, ConversationLimits? limits = null, VerdictTelemetry? telemetry = null)
{
    // As the library's own batches: enough to fill a pass with short prompts, far below any queue's capacity.
    private const int AtOnce = 64;

    private readonly ConversationLimits _limits = limits ?? new ConversationLimits();

    /// <summary>Judges one conversation.</summary>
    /// <param name="request">The conversation and against what.</param>
    /// <param name="cancellationToken">The client left, or the request's time is over.</param>
    /// <exception cref="ApiException">No such model or policy, or a limit of the server.</exception>
    /// <exception cref="GuardException">It could not be judged, or not be recorded; never "safe".</exception>
    public async Task<Judgement> JudgeAsync(JudgeRequest request, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        using var span = telemetry?.Begin();
        var (guard, options) = Choose(request);
        var verdict = await guard.Guard.ClassifyAsync(request.Conversation, options, cancellationToken).ConfigureAwait(false);
        var now = time.GetUtcNow();
        var id = $"modr-{Guid.CreateVersion7(now):n}";
        await decisions.RecordAsync(
            new Decision
            {
                Id = id,
                Time = now,
                Caller = request.Caller.Name,
                Endpoint = request.Endpoint,
                Conversation = request.Conversation,
                Verdict = verdict,
                Latency = Stopwatch.GetElapsedTime(started),
            },
            cancellationToken).ConfigureAwait(false);
        var judgement = new Judgement(id, verdict, guard.Name);
        telemetry?.Judged(request, judgement, Stopwatch.GetElapsedTime(started), span);
        return judgement;
    }

    /// <summary>Which model would judge a request, and against what.</summary>
    /// <exception cref="ApiException">No such model or policy, or a limit of the server.</exception>
    public (NamedGuard Guard, ClassifyOptions Options) Choose(JudgeRequest request)
    {
        _limits.Check(request.Conversation);
        var guard = guards.Find(request.Model) ?? throw ApiException.UnknownModel(request.Model!);
        var policy = request.Policy ?? ((request.PolicyName ?? guard.Policy) is { } name ? policies.Find(name) ?? throw ApiException.UnknownPolicy(name) : null);
        return (guard, new ClassifyOptions { Policy = policy, Threshold = CheckThreshold(request.Threshold) ?? guard.Threshold, CategoryThresholds = request.CategoryThresholds });
    }

    /// <summary>Judges each of many, at most 64 at a time; one that fails does not keep the others from their verdicts.</summary>
    /// <param name="requests">The conversations.</param>
    /// <param name="cancellationToken">The client left, or the request's time is over: no outcome at all.</param>
    /// <returns>What became of each, in their order.</returns>
    public async Task<IReadOnlyList<JudgeOutcome>> JudgeEachAsync(IReadOnlyList<JudgeRequest> requests, CancellationToken cancellationToken)
    {
        var outcomes = new JudgeOutcome[requests.Count];
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken };
        await Parallel.ForAsync(0, requests.Count, parallel, async (i, cancellation) =>
            outcomes[i] = await TryJudgeAsync(requests[i], cancellation).ConfigureAwait(false)).ConfigureAwait(false);
        return outcomes;
    }

    private async Task<JudgeOutcome> TryJudgeAsync(JudgeRequest request, CancellationToken cancellationToken)
    {
        try
        {
            return new JudgeOutcome(await JudgeAsync(request, cancellationToken).ConfigureAwait(false), null);
        }
        catch (Exception error) when (error is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            var id = Activity.Current?.TraceId.ToString() ?? Guid.NewGuid().ToString("n");
            if (ApiError.IsForOperator(error))
            {
                telemetry?.Unexpected(error, id);
            }

            var known = ApiError.Known(error) ?? ApiError.Internal(id);
            telemetry?.Failed(known);
            return new JudgeOutcome(null, known);
        }
    }

    private static double? CheckThreshold(double? threshold) => threshold is null or (>= 0 and <= 1)
        ? threshold
        : throw ApiException.BadRequest("\"threshold\" must be a number from 0 to 1.", "threshold");
}

/// <summary>What became of one request of many: a verdict or an error, never neither.</summary>
/// <param name="Judgement">The verdict.</param>
/// <param name="Error">Why there is none.</param>
internal sealed record JudgeOutcome(Judgement? Judgement, ApiException? Error);

/// <summary>How large a conversation may be before anything of it is decoded or rendered.</summary>
internal sealed record ConversationLimits
{
    /// <summary>Messages.</summary>
    public int MaxMessages { get; init; } = 1000;

    /// <summary>Parts of all messages together.</summary>
    public int MaxParts { get; init; } = 2000;

    /// <summary>Refuses what is beyond.</summary>
    /// <exception cref="ApiException">400: too many messages or parts.</exception>
    public void Check(Conversation conversation)
    {
        CheckMessages(conversation.Turns.Count);
        CheckParts(conversation.Turns.Sum(turn => (long)turn.Parts.Count));
    }

    /// <summary>Refuses too many messages, also before they are read.</summary>
    /// <exception cref="ApiException">400.</exception>
    public void CheckMessages(int count)
    {
        if (count > MaxMessages)
        {
            throw ApiException.BadRequest($"The conversation has {count} messages; this server takes at most {MaxMessages} (MaxMessages). Send the last ones.", "messages", "too_many_messages");
        }
    }

    /// <summary>Refuses too many parts, also before they are read.</summary>
    /// <exception cref="ApiException">400.</exception>
    public void CheckParts(long count)
    {
        if (count > MaxParts)
        {
            throw ApiException.BadRequest($"The conversation's messages have {count} parts; this server takes at most {MaxParts} (MaxParts). Join texts, or send fewer.", "messages", "too_many_parts");
        }
    }
}
