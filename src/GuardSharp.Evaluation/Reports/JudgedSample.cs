using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Reports;

/// <summary>A labelled row and what the guard said about it: what every breakdown is made of.</summary>
/// <param name="IsUnsafe">The truth.</param>
/// <param name="Categories">The truth's categories; empty for an unsafe row whose categories nobody labelled.</param>
/// <param name="Task">Prompt or response.</param>
/// <param name="Language">Language tag.</param>
/// <param name="Source">Data set.</param>
/// <param name="ImageCount">Images in the conversation.</param>
/// <param name="Prediction">What the guard said.</param>
public sealed record JudgedSample(
    bool IsUnsafe, IReadOnlyList<string> Categories, SampleTask Task, string Language, string Source, int ImageCount, Prediction Prediction)
{
    /// <summary>The row's own name.</summary>
    public string Id { get; init; } = "";

    /// <summary>File and line of the row: where its content can be read again.</summary>
    public string Place { get; init; } = "";

    /// <summary>Wall time of the batch the row was judged in, divided by its rows, in milliseconds; null where it was not measured.</summary>
    public double? Milliseconds { get; init; }

    /// <summary>Joins a sample that has a truth with its prediction.</summary>
    /// <exception cref="SampleFileException">The sample has no truth.</exception>
    public static JudgedSample Of(Sample sample, Prediction prediction) => new(
        sample.Unsafe ?? throw new SampleFileException($"{sample.Place}: the row has no \"unsafe\": true or false is needed to compute metrics."),
        sample.Categories, sample.Task, sample.Language, sample.Source, sample.ImageCount, prediction)
    {
        Id = sample.Id,
        Place = sample.Place,
    };
}
