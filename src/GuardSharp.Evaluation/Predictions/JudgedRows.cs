using GuardSharp.Evaluation.Reports;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Predictions;

/// <summary>Labelled rows beside predictions that were made before.</summary>
internal static class JudgedRows
{
    /// <summary>Joins a labelled file with its predictions; rows must be the same, in the same order.</summary>
    /// <exception cref="GuardException">A file is damaged, or the rows do not match.</exception>
    public static List<JudgedSample> Join(string samplesPath, string predictionsPath)
    {
        var judged = new List<JudgedSample>();
        using var predictions = PredictionFile.Read(predictionsPath).GetEnumerator();
        foreach (var sample in SampleReader.Read(samplesPath, labelled: true))
        {
            if (!predictions.MoveNext())
            {
                throw new SampleFileException($"{predictionsPath}: there is no prediction for {sample.Place}. Each row needs one, in the same order.");
            }

            var (id, prediction, place) = predictions.Current;
            judged.Add(id == sample.Id
                ? JudgedSample.Of(sample, prediction)
                : throw new SampleFileException($"{place}: the id differs from that of {sample.Place}. Predictions must be in the order of the rows."));
        }

        return predictions.MoveNext()
            ? throw new SampleFileException($"{predictions.Current.Place}: there is no row for this prediction in {samplesPath}.")
            : judged;
    }
}
