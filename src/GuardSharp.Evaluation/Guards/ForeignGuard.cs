using System.Diagnostics;
using GuardSharp.Conversations;
using GuardSharp.Evaluation.Datasets.Remote;
using GuardSharp.Policies;
using GuardSharp.Prompts;

namespace GuardSharp.Evaluation.Guards;

/// <summary>What someone else's service said about a conversation.</summary>
/// <param name="UnsafeProbability">P(unsafe), in [0, 1].</param>
/// <param name="Flagged">The service's own verdict; null: the probability alone decides.</param>
/// <param name="CategoryProbabilities">By code of ours.</param>
/// <param name="Categories">Codes it names as violated.</param>
/// <param name="Warnings">What a reader must know.</param>
internal sealed record ForeignAnswer(
    double UnsafeProbability, bool? Flagged, IReadOnlyDictionary<string, double> CategoryProbabilities, IReadOnlyList<string> Categories, IReadOnlyList<string> Warnings)
{
    /// <summary>Tokens it read; 0: not said.</summary>
    public int PromptTokens { get; init; }
}

/// <summary>What guards behind other services share: options in, a verdict of our form out. An error is an exception, never "safe".</summary>
internal abstract class ForeignGuard : IGuard
{
    private readonly PacedServer _server;

    protected ForeignGuard(ChatOptions options, string name, IReadOnlyList<string> codes)
    {
        Options = options;
        _server = new PacedServer(options);
        Capabilities = new GuardCapabilities
        {
            Model = name,
            Codes = codes,
            CustomCategories = true,
            NarrowedPolicies = true,
            Languages = [],
            // Whether it takes pictures, and how many, the service says when it is asked.
            MaxImages = 16,
            MaxContextTokens = int.MaxValue,
            PromptVariant = PromptVariant.Clean,
            Threshold = 0.5,
        };
    }

    /// <inheritdoc/>
    public GuardCapabilities Capabilities { get; }

    /// <summary>Which service, and how it is asked.</summary>
    protected ChatOptions Options { get; }

    /// <inheritdoc/>
    public async Task<Verdict> ClassifyAsync(Conversation conversation, ClassifyOptions? options = null, CancellationToken cancellationToken = default)
    {
        if (conversation.Turns.Count == 0)
        {
            throw new InvalidConversationException("The conversation has no turns, so there is nothing to judge.");
        }

        var started = Stopwatch.GetTimestamp();
        var request = options ?? new ClassifyOptions();
        var policy = request.Policy ?? DefaultPolicy;
        policy = request.CategoryThresholds is { } own ? policy.WithThresholds(own) : policy;
        var answer = await AskAsync(conversation, request with { Policy = policy }, cancellationToken).ConfigureAwait(false);
        var threshold = request.Threshold ?? Capabilities.Threshold;
        // A threshold that was asked for goes before the service's own verdict, and without one its verdict before ours.
        var reaches = request.Threshold is null ? answer.Flagged ?? (answer.UnsafeProbability >= threshold) : answer.UnsafeProbability >= threshold;
        var probabilities = policy.Categories.ToDictionary(category => category.Code, category => answer.CategoryProbabilities.GetValueOrDefault(category.Code));
        List<string> categories = [.. policy.Categories.Select(category => category.Code).Where(code =>
            (reaches && answer.Categories.Contains(code)) || (policy.Thresholds.TryGetValue(code, out var least) && probabilities[code] >= least))];
        return new Verdict
        {
            Task = conversation.Turns[^1].Role == Role.Assistant ? VerdictTask.ResponseClassification : VerdictTask.PromptClassification,
            Unsafe = reaches || categories.Count > 0,
            UnsafeProbability = answer.UnsafeProbability,
            Threshold = threshold,
            Categories = categories,
            CategoryProbabilities = probabilities,
            CategoryUncertainty = 1,
            Warnings = answer.Warnings,
            Model = Capabilities.Model,
            PolicyVersion = policy.Version,
            PromptTokens = answer.PromptTokens,
            ImageTokens = 0,
            Elapsed = Stopwatch.GetElapsedTime(started),
        };
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _server.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>The policy of a request that names none.</summary>
    protected virtual Policy DefaultPolicy => Policy.MlCommons;

    /// <summary>Asks the service.</summary>
    /// <param name="conversation">Not empty.</param>
    /// <param name="options">With a policy.</param>
    /// <param name="cancellationToken">Gives up.</param>
    protected abstract Task<ForeignAnswer> AskAsync(Conversation conversation, ClassifyOptions options, CancellationToken cancellationToken);

    /// <summary>Sends a body and gives back the answer's.</summary>
    protected Task<byte[]> PostAsync(string path, ReadOnlyMemory<byte> body, CancellationToken cancellationToken) => _server.PostAsync(path, body, cancellationToken);
}
