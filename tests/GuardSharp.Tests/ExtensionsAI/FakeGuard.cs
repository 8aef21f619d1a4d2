using System.Collections.Concurrent;
using GuardSharp.Conversations;
using GuardSharp.Policies;
using GuardSharp.Prompts;

namespace GuardSharp.Tests.ExtensionsAI;

/// <summary>A guard that finds what a function says; it keeps what it was asked.</summary>
internal sealed class FakeGuard(Func<Conversation, double> judge) : IGuard
{
    public ConcurrentQueue<(Conversation Conversation, ClassifyOptions? Options)> Asked { get; } = [];

    /// <summary>What is awaited before a verdict.</summary>
    public Func<Conversation, CancellationToken, Task>? Before { get; init; }

    public GuardCapabilities Capabilities { get; } = new()
    {
        Model = "fake@000000000000",
        Codes = ["S1"],
        CustomCategories = true,
        NarrowedPolicies = true,
        Languages = ["en"],
        MaxImages = 5,
        MaxContextTokens = 8192,
        PromptVariant = PromptVariant.Compact,
        Threshold = 0.5,
    };

    /// <summary>A guard that finds a word unsafe, in the turn it judges.</summary>
    public static FakeGuard ThatRefuses(params string[] words) => new(conversation => words.Any(TextOf(conversation.Turns[^1]).Contains) ? 0.9 : 0.1);

    /// <summary>All text of a turn, a call as its name and arguments.</summary>
    public static string TextOf(Turn turn) => string.Join('\n', turn.Parts.Select(part => part switch
    {
        TextPart text => text.Text,
        ToolCallPart call => $"{call.Name} {call.Arguments}",
        _ => "[image]",
    }));

    public async Task<Verdict> ClassifyAsync(Conversation conversation, ClassifyOptions? options = null, CancellationToken cancellationToken = default)
    {
        Asked.Enqueue((conversation, options));
        if (Before is not null)
            await Before(conversation, cancellationToken);
        var probability = judge(conversation);
        var threshold = options?.Threshold ?? 0.5;
        return new Verdict
        {
            Task = conversation.Turns[^1].Role == Role.Assistant ? VerdictTask.ResponseClassification : VerdictTask.PromptClassification,
            Unsafe = probability >= threshold,
            UnsafeProbability = probability,
            Threshold = threshold,
            Categories = probability >= threshold ? ["S1"] : [],
            CategoryProbabilities = new Dictionary<string, double> { ["S1"] = probability },
            CategoryUncertainty = 0,
            Warnings = [],
            Model = Capabilities.Model,
            PolicyVersion = options?.Policy?.Version ?? "default",
            PromptTokens = 1,
            ImageTokens = 0,
            Elapsed = TimeSpan.Zero,
        };
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
