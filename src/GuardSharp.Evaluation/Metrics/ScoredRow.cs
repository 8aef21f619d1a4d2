namespace GuardSharp.Evaluation.Metrics;

/// <summary>One judged row as the metrics see it. The positive class is unsafe.</summary>
/// <param name="IsUnsafe">The truth.</param>
/// <param name="Score">The guard's P(unsafe); any finite number ranks.</param>
/// <param name="Flagged">True when the guard called it unsafe.</param>
public readonly record struct ScoredRow(bool IsUnsafe, double Score, bool Flagged);
