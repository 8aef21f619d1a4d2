using System.Globalization;

namespace GuardSharp.Evaluation.Predictions;

/// <summary>Who judges, and how: a run goes on only where all of it is the same.</summary>
/// <param name="Model">The guard's name, its weights' hash included where there is one.</param>
/// <param name="Policy">The policy's version.</param>
/// <param name="Threshold">P(unsafe) from which on the guard says unsafe; null: a guard that does not tell.</param>
public sealed record GuardIdentity(string Model, string Policy, double? Threshold)
{
    /// <summary>Everything else that changes a verdict, by name, such as a defence.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>The identity of a guard with its options.</summary>
    /// <param name="guard">The guard.</param>
    /// <param name="options">What it judges against.</param>
    /// <param name="more">What else changes its verdicts, by name; null: nothing.</param>
    public static GuardIdentity Of(IGuard guard, ClassifyOptions options, IReadOnlyDictionary<string, string>? more = null) =>
        new(guard.Capabilities.Model, options.Policy?.Version ?? "default", options.Threshold ?? guard.Capabilities.Threshold)
        {
            Settings = new Dictionary<string, string>(more ?? new Dictionary<string, string>())
            {
                ["promptVariant"] = guard.Capabilities.PromptVariant.ToString(),
                ["categoryThresholds"] = string.Join(' ', (options.CategoryThresholds ?? new Dictionary<string, double>()).OrderBy(pair => pair.Key, StringComparer.Ordinal)
                    .Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Key}={pair.Value}"))),
            },
        };
}
