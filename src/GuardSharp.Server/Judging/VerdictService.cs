using System.Diagnostics;
using GuardSharp.Server.Audit;
using GuardSharp.Server.Guards;

namespace GuardSharp.Server.Judging;

/// <summary>The one way from an endpoint to a verdict: model, policy, threshold, verdict, record.</summary>
/// <remarks>Safe from any thread. Every endpoint goes through here, so that nothing is judged without its limits and its record.</remarks>
internal sealed class VerdictService(GuardRegistry guards, PolicyRegistry policies, IDecisionLog decisions, TimeProvider time)
{
    /// <summary>Judges one conversation.</summary>
    /// <param name="request">The conversation and against what.</param>
    /// <param name="cancellationToken">The client left, or the request's time is over.</param>
    /// <exception cref="ApiException">No such model or policy.</exception>
    /// <exception cref="GuardException">It could not be judged, or not be recorded; never "safe".</exception>
    public async Task<Judgement> JudgeAsync(JudgeRequest request, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var guard = guards.Find(request.Model) ?? throw ApiException.UnknownModel(request.Model!);
        var policy = request.Policy ?? ((request.PolicyName ?? guard.Policy) is { } name ? policies.Find(name) ?? throw ApiException.UnknownPolicy(name) : null);
        var options = new ClassifyOptions { Policy = policy, Threshold = request.Threshold ?? guard.Threshold };
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
        return new Judgement(id, verdict, guard.Name);
    }
}
