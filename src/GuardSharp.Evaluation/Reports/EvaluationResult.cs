using GuardSharp.Evaluation.Thresholds;

namespace GuardSharp.Evaluation.Reports;

/// <summary>A measured guard: the numbers, and the rows they are made of.</summary>
/// <param name="Model">The guard's name.</param>
/// <param name="SamplesPath">The labelled file.</param>
/// <param name="Report">The numbers.</param>
/// <param name="Rows">Every row with what the guard said, in the file's order. Holds no content: <see cref="JudgedSample.Place"/> says where it stands.</param>
public sealed record EvaluationResult(string Model, string SamplesPath, MetricsReport Report, IReadOnlyList<JudgedSample> Rows)
{
    /// <summary>How the threshold was chosen; null: the guard's own verdicts count.</summary>
    public ThresholdChoice? Threshold { get; init; }

    /// <summary>Whether only the last image of each conversation was put in.</summary>
    public bool LastImage { get; init; }
}
