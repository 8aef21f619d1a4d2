namespace GuardSharp.Evaluation.Metrics;

/// <summary>A number and how sure it is.</summary>
/// <param name="Value">The number; null where it is undefined.</param>
/// <param name="Interval">95 %; null where there is none.</param>
public readonly record struct Estimate(double? Value, Interval? Interval);
