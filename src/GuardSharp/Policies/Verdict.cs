namespace GuardSharp.Policies;

/// <summary>What is judged: the last user message, or the last answer of the assistant.</summary>
public enum VerdictTask
{
    /// <summary>The last turn is the user's (or a tool's result): may the assistant answer it?</summary>
    PromptClassification,

    /// <summary>The last turn is the assistant's: may the user see it?</summary>
    ResponseClassification,
}

/// <summary>The judgement of one conversation.</summary>
public sealed record Verdict
{
    /// <summary>What was judged.</summary>
    public required VerdictTask Task { get; init; }

    /// <summary>True when <see cref="UnsafeProbability"/> reaches <see cref="Threshold"/>, or a category reaches its own threshold.</summary>
    public required bool Unsafe { get; init; }

    /// <summary>P("unsafe") / (P("safe") + P("unsafe")) at the verdict token, in [0, 1].</summary>
    public required double UnsafeProbability { get; init; }

    /// <summary>The threshold that was applied to <see cref="UnsafeProbability"/>.</summary>
    public required double Threshold { get; init; }

    /// <summary>Codes of the violated categories. May be empty although unsafe: the model may object to something outside the policy.</summary>
    public required IReadOnlyList<string> Categories { get; init; }

    /// <summary>By code of the policy: the probability that the verdict is unsafe and lists the category, in [0, 1].</summary>
    public required IReadOnlyDictionary<string, double> CategoryProbabilities { get; init; }

    /// <summary>Every true category probability lies between its value and its value plus this.</summary>
    public required double CategoryUncertainty { get; init; }

    /// <summary>What a reader must know to trust the numbers, in words; holds no user text.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>The model's name, an at sign and the first 12 hexadecimal digits of its weights' SHA-256.</summary>
    public required string Model { get; init; }

    /// <summary>The version of the policy that was applied.</summary>
    public required string PolicyVersion { get; init; }

    /// <summary>Tokens of the whole prompt, those of images included.</summary>
    public required int PromptTokens { get; init; }

    /// <summary>Tokens of the images alone.</summary>
    public required int ImageTokens { get; init; }

    /// <summary>Wall time, waiting in the queue included.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>The part of <see cref="Elapsed"/> spent waiting in the queue.</summary>
    public TimeSpan Queued { get; init; }

    /// <summary>P("safe") + P("unsafe") over the full vocabulary; only in check mode.</summary>
    public double? AnswerMass { get; init; }
}
