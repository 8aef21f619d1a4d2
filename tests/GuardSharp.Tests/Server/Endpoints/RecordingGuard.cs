using System.Collections.Concurrent;
using GuardSharp.Conversations;
using GuardSharp.Policies;
using GuardSharp.Prompts;

namespace GuardSharp.Tests.Server.Endpoints;

/// <summary>A guard that remembers what it was asked and answers by rule: a text that holds "bomb" is unsafe.</summary>
internal sealed class RecordingGuard : IGuard
{
    /// <summary>What it was asked, in no particular order.</summary>
    public ConcurrentQueue<(Conversation Conversation, ClassifyOptions Options)> Asked { get; } = [];

    /// <summary>The only conversation it was asked about.</summary>
    public Conversation Single => Assert.Single(Asked).Conversation;

    /// <summary>Violated categories and their probabilities in an unsafe verdict.</summary>
    public Dictionary<string, double> Found { get; init; } = new() { ["S1"] = 0.9, ["S9"] = 0.5 };

    /// <summary>P(unsafe) of an unsafe verdict.</summary>
    public double UnsafeProbability { get; init; } = 0.9;

    public GuardCapabilities Capabilities { get; init; } = new()
    {
        Model = "recording@0123456789ab",
        Codes = [.. Policy.MlCommons.Categories.Select(category => category.Code)],
        CustomCategories = true,
        NarrowedPolicies = true,
        Languages = [],
        MaxImages = 2,
        MaxContextTokens = 1000,
        PromptVariant = PromptVariant.HuggingFace,
        Threshold = 0.5,
    };

    public Task<Verdict> ClassifyAsync(Conversation conversation, ClassifyOptions? options = null, CancellationToken cancellationToken = default)
    {
        Asked.Enqueue((conversation, options ?? new ClassifyOptions()));
        // What the library refuses, this guard refuses as well.
        var rendered = PromptBuilder.Build(Capabilities.PromptVariant, conversation, options?.Policy ?? Policy.MlCommons, new PromptOptions());
        var text = string.Concat(conversation.Turns[^1].Parts.Select(part => part switch { TextPart t => t.Text, ToolCallPart call => call.Arguments, _ => "" }));
        var found = text.Contains("bomb", StringComparison.Ordinal);
        return Task.FromResult(new Verdict
        {
            Task = rendered.Task,
            Unsafe = found,
            UnsafeProbability = found ? UnsafeProbability : 0.2,
            Threshold = options?.Threshold ?? 0.5,
            Categories = found ? [.. Found.Keys.Where(code => rendered.Policy.Categories.Any(category => category.Code == code))] : [],
            CategoryProbabilities = rendered.Policy.Categories.ToDictionary(category => category.Code, category => found ? Found.GetValueOrDefault(category.Code, 0.01) : 0.001),
            CategoryUncertainty = 0,
            Warnings = [.. rendered.Warnings],
            Model = Capabilities.Model,
            PolicyVersion = rendered.Policy.Version,
            PromptTokens = 100,
            ImageTokens = 0,
            Elapsed = TimeSpan.FromMilliseconds(1),
        });
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
