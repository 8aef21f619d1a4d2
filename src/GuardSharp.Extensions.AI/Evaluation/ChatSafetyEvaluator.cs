using GuardSharp.Conversations;
using GuardSharp.Extensions.AI.Judging;
using GuardSharp.Policies;
using Microsoft.Extensions.AI;

namespace GuardSharp.Extensions.AI;

/// <summary>Measures answers of a model: is this response unsafe, how likely, by which categories?</summary>
/// <remarks>
/// Shaped as an evaluator of Microsoft.Extensions.AI.Evaluation is, without that package (docs/chat.md shows the adapter). Nothing is blocked, and
/// an answer that could not be judged is an exception, never "safe". Safe from any thread.
/// </remarks>
public sealed class ChatSafetyEvaluator
{
    /// <summary>Name of the metric that is true for an unsafe answer.</summary>
    public const string UnsafeMetricName = "Unsafe";

    /// <summary>Name of the metric P(unsafe), in [0, 1].</summary>
    public const string ProbabilityMetricName = "P(unsafe)";

    /// <summary>Name of the metric that lists the codes of violated categories.</summary>
    public const string CategoriesMetricName = "Unsafe categories";

    private readonly IGuard _guard;
    private readonly ClassifyOptions? _options;
    private readonly ContentReader _reader;

    /// <param name="guard">Judges; the caller's.</param>
    /// <param name="options">Policy and threshold; null: the guard's.</param>
    /// <param name="reading">How messages are read: tool results, system messages, content that cannot be judged; null: the defaults.</param>
    public ChatSafetyEvaluator(IGuard guard, ClassifyOptions? options = null, GuardedChatOptions? reading = null)
    {
        ArgumentNullException.ThrowIfNull(guard);
        _guard = guard;
        _options = options;
        _reader = new ContentReader(reading ?? new GuardedChatOptions());
    }

    /// <summary>The names of the metrics.</summary>
    public IReadOnlyCollection<string> EvaluationMetricNames { get; } = [UnsafeMetricName, ProbabilityMetricName, CategoriesMetricName];

    /// <summary>Judges a response.</summary>
    /// <param name="messages">The conversation that led to it.</param>
    /// <param name="modelResponse">The response; all its messages count.</param>
    /// <param name="cancellationToken">Gives it up.</param>
    /// <returns>The verdict on the response as a whole.</returns>
    /// <exception cref="GuardException">It could not be judged, or says nothing.</exception>
    public async ValueTask<Verdict> EvaluateAsync(IEnumerable<ChatMessage> messages, ChatResponse modelResponse, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ArgumentNullException.ThrowIfNull(modelResponse);
        var turns = _reader.Read([.. messages, .. modelResponse.Messages], null);
        if (turns.Count == 0 || turns.LastRole == Role.User)
            throw new GuardException("The response holds nothing to judge: neither text, nor an image, nor a tool call.");
        return await _guard.ClassifyAsync(turns.Build(), _options, cancellationToken).ConfigureAwait(false);
    }
}
