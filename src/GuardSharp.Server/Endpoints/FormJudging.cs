using GuardSharp.Conversations;
using GuardSharp.Policies;
using GuardSharp.Server.Judging;
using GuardSharp.Server.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace GuardSharp.Server.Endpoints;

/// <summary>What the forms of other services have in common: who asks, at which endpoint, which model.</summary>
internal sealed class FormJudging(VerdictService verdicts)
{
    /// <summary>Judges one conversation.</summary>
    public Task<Judgement> JudgeAsync(HttpContext context, Conversation conversation, string? model, Policy? policy = null) =>
        verdicts.JudgeAsync(Request(context, conversation, model, policy), context.RequestAborted);

    /// <summary>Judges many; those that wait together share passes.</summary>
    /// <param name="context">The request.</param>
    /// <param name="conversations">The conversations.</param>
    /// <param name="model">The model as the client names it.</param>
    /// <param name="policies">A policy for each; null: the model's own for all.</param>
    /// <returns>The judgements in the order of the conversations.</returns>
    /// <exception cref="ApiException">One of them could not be judged: these forms have no place for an error beside results.</exception>
    public async Task<IReadOnlyList<Judgement>> JudgeAllAsync(
        HttpContext context, IReadOnlyList<Conversation> conversations, string? model, IReadOnlyList<Policy>? policies = null)
    {
        var requests = conversations.Select((conversation, index) => Request(context, conversation, model, policies?[index])).ToArray();
        var outcomes = await verdicts.JudgeEachAsync(requests, context.RequestAborted).ConfigureAwait(false);
        return [.. outcomes.Select(outcome => outcome.Judgement ?? throw outcome.Error!)];
    }

    private static JudgeRequest Request(HttpContext context, Conversation conversation, string? model, Policy? policy) => new()
    {
        Conversation = conversation,
        Caller = context.GetCaller(),
        // The route, not the path: whoever writes /V1/Moderations makes no new endpoint.
        Endpoint = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "",
        Model = model,
        Policy = policy,
    };
}
