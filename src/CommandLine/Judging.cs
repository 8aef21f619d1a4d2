using GuardSharp.Evaluation.Guards;
using GuardSharp.Evaluation.Predictions;

namespace GuardSharp.CommandLine;

/// <summary>A guard as the evaluation calls it.</summary>
internal static class Judging
{
    /// <summary>Judges with fixed options.</summary>
    public static Judge With(IGuard guard, ClassifyOptions options) => GuardJudge.Of(guard, options);
}
