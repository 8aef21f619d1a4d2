using GuardSharp.Conversations;
using GuardSharp.Policies;
using GuardSharp.Prompts;

namespace GuardSharp.Tests.Server;

/// <summary>A guard that does what a test says.</summary>
internal sealed class ScriptedGuard(Func<Conversation, ClassifyOptions?, CancellationToken, Task<Verdict>> classify) : IGuard
{
    public GuardCapabilities Capabilities { get; } = new()
    {
        Model = "scripted@000000000000",
        Codes = ["S1", "S2"],
        CustomCategories = true,
        NarrowedPolicies = true,
        Languages = [],
        MaxImages = 0,
        MaxContextTokens = 100,
        PromptVariant = PromptVariant.Compact,
        Threshold = 0.5,
    };

    /// <summary>A verdict of no particular conversation.</summary>
    public static Verdict Verdict(double unsafeProbability = 0.1, double threshold = 0.5) => new()
    {
        Task = VerdictTask.PromptClassification,
        Unsafe = unsafeProbability >= threshold,
        UnsafeProbability = unsafeProbability,
        Threshold = threshold,
        Categories = unsafeProbability >= threshold ? ["S1"] : [],
        CategoryProbabilities = new Dictionary<string, double> { ["S1"] = unsafeProbability, ["S2"] = 0 },
        CategoryUncertainty = 0,
        Warnings = [],
        Model = "scripted@000000000000",
        PolicyVersion = "test@000000000000",
        PromptTokens = 3,
        ImageTokens = 0,
        Elapsed = TimeSpan.FromMilliseconds(1),
    };

    public Task<Verdict> ClassifyAsync(Conversation conversation, ClassifyOptions? options = null, CancellationToken cancellationToken = default) =>
        classify(conversation, options, cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
