using GuardSharp.Evaluation.Html;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Reports;
using GuardSharp.Evaluation.Thresholds;

namespace GuardSharp.Evaluation;

/// <summary>What is evaluated, and how.</summary>
/// <param name="SamplesPath">The labelled file: JSON Lines, plain or gzip, or Parquet.</param>
/// <param name="OutputFolder">Made where it is missing; a run of the same guard over the same rows goes on there.</param>
/// <param name="Guard">Who judges.</param>
public sealed record EvaluationRun(string SamplesPath, string OutputFolder, GuardIdentity Guard)
{
    /// <summary>How the metrics are computed.</summary>
    public ReportOptions Report { get; init; } = new();

    /// <summary>The threshold that is applied to the guard's P(unsafe); null: the guard's own verdicts count.</summary>
    public ThresholdRequest? Threshold { get; init; }

    /// <summary>The Llama Guard 4 card's protocol for Llama Guard 3 Vision: of several images only the conversation's last one is put in.</summary>
    public bool LastImage { get; init; }

    /// <summary>Removes what an earlier run left in the folder.</summary>
    public bool Fresh { get; init; }

    /// <summary>
    /// Rows the guard is asked about at once, 1 to 4096. A kill costs at most one such batch. 1 measures the time of a single row, and a guard of this
    /// library then gives the same bits in every run; rows that are judged together may differ in the last digits.
    /// </summary>
    public int RowsAtOnce { get; init; } = 1;

    /// <summary>What report.html shows.</summary>
    public PageOptions Page { get; init; } = new();
}

/// <summary>How a threshold is to be found.</summary>
/// <param name="Goal">What it is chosen for.</param>
/// <param name="Value">The threshold itself, or the false positive rate to keep to, in [0, 1]; not used for the best F1.</param>
/// <param name="DevelopmentPath">The labelled file it is chosen on; null for a given threshold.</param>
public sealed record ThresholdRequest(ThresholdGoal Goal, double Value, string? DevelopmentPath)
{
    /// <summary>Finds the threshold.</summary>
    /// <param name="development">The judged rows of the development file.</param>
    /// <param name="samplesPath">The file that is measured.</param>
    /// <exception cref="GuardException">The rows do not allow it.</exception>
    internal ThresholdChoice Choose(IReadOnlyList<JudgedSample> development, string samplesPath) =>
        (Goal == ThresholdGoal.BestF1 ? ThresholdChoice.BestF1(development) : ThresholdChoice.AtFpr(development, Value)) with
        {
            DevelopmentFile = Path.GetFileName(DevelopmentPath),
            IsOptimistic = IsOn(samplesPath),
        };

    /// <summary>Whether the threshold is chosen on the very file that is measured.</summary>
    internal bool IsOn(string samplesPath) => DevelopmentPath is not null && Path.GetFullPath(DevelopmentPath) == Path.GetFullPath(samplesPath);
}
