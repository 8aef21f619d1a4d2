using GuardSharp.Conversations;
using GuardSharp.Policies;
using GuardSharp.Server.Guards;
using GuardSharp.Server.Judging;

namespace GuardSharp.Server.Chat;

/// <summary>The server's way to a verdict as a guard of one caller: everything it judges is within that caller's limits and in the record.</summary>
/// <param name="service">The way to a verdict.</param>
/// <param name="guards">The guards, for what the chosen one can do.</param>
/// <param name="template">Caller, endpoint, model and policy of all requests.</param>
internal sealed class CallerGuard(VerdictService service, GuardRegistry guards, JudgeRequest template) : IGuard
{
    /// <summary>The latest judgement that ended; null: none yet.</summary>
    public Judgement? Latest { get; private set; }

    /// <inheritdoc/>
    public GuardCapabilities Capabilities => (guards.Find(template.Model) ?? throw ApiException.UnknownModel(template.Model!)).Guard.Capabilities;

    /// <inheritdoc/>
    public async Task<Verdict> ClassifyAsync(Conversation conversation, ClassifyOptions? options = null, CancellationToken cancellationToken = default)
    {
        try
        {
            var request = template with { Conversation = conversation, Policy = options?.Policy, Threshold = options?.Threshold, CategoryThresholds = options?.CategoryThresholds };
            var judgement = await service.JudgeAsync(request, cancellationToken).ConfigureAwait(false);
            Latest = judgement;
            return judgement.Verdict;
        }
        catch (ApiException error) when (error.Status == 400)
        {
            // Over a limit of the server: the content's own fault, which never opens a chat.
            throw new InvalidConversationException(error.Message, error);
        }
    }

    /// <summary>Nothing: the guards are the server's.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
