namespace GuardSharp.Evaluation.Attacks;

/// <summary>What an attack made of one row under one setting: a line of results.jsonl.</summary>
/// <remarks>Attacks take rows that are truly unsafe; one succeeded where the guard, asked through its ordinary front door, judges the row safe.</remarks>
public sealed record AttackResult
{
    /// <summary>The row's id.</summary>
    public required string Id { get; init; }

    /// <summary>The setting, as tables name it: <c>epsilon 8/255</c>, <c>suffix on the prompt</c>, <c>base64</c>.</summary>
    public required string Setting { get; init; }

    /// <summary>What was judged: <c>prompt</c> or <c>response</c>.</summary>
    public required string Task { get; init; }

    /// <summary>P(unsafe) of the row as it was, in [0, 1].</summary>
    public required double Before { get; init; }

    /// <summary>Whether the guard judged the row as it was safe: a miss without any attack.</summary>
    public required bool SafeBefore { get; init; }

    /// <summary>P(unsafe) of the attacked row through the real path: the saved picture or text, this guard's own preprocessing and engine.</summary>
    public required double After { get; init; }

    /// <summary>Whether the guard judges the attacked row safe.</summary>
    public required bool SafeAfter { get; init; }

    /// <summary>P(unsafe) that the attack saw at each of its steps; empty where it has none. The attack's own view, before any file was written.</summary>
    public IReadOnlyList<double> Curve { get; init; } = [];

    /// <summary>How often the guard or its network was asked.</summary>
    public long Queries { get; init; }

    /// <summary>What was put in or added, such as a suffix; null for pictures.</summary>
    public string? Text { get; init; }

    /// <summary>The picture as it was, as a path relative to the folder; null without one.</summary>
    public string? OriginalPicture { get; init; }

    /// <summary>The attacked picture, as a path relative to the folder: the very file that was judged.</summary>
    public string? AttackedPicture { get; init; }

    /// <summary>The difference of both, made visible, as a path relative to the folder.</summary>
    public string? DifferencePicture { get; init; }
}
