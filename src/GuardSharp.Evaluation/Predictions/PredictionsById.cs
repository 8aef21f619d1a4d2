using GuardSharp.Evaluation.Reports;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Predictions;

/// <summary>Labelled rows beside predictions in any order, found by their ids.</summary>
internal static class PredictionsById
{
    /// <summary>Joins a labelled file with predictions of exactly its rows.</summary>
    /// <exception cref="GuardException">A file is damaged, an id comes twice, or one side lacks a row of the other.</exception>
    public static List<JudgedSample> Join(string samplesPath, string predictionsPath)
    {
        var predictions = new Dictionary<string, (Prediction Prediction, string Place)>(StringComparer.Ordinal);
        foreach (var (id, prediction, place) in PredictionFile.Read(predictionsPath))
        {
            if (!predictions.TryAdd(id, (prediction, place)))
            {
                throw new SampleFileException($"{place}: the id of {predictions[id].Place} comes again. Each row needs one prediction.");
            }
        }

        var judged = new List<JudgedSample>();
        foreach (var sample in SampleReader.Read(samplesPath, labelled: true))
        {
            judged.Add(predictions.Remove(sample.Id, out var found)
                ? JudgedSample.Of(sample, found.Prediction)
                : throw new SampleFileException($"{predictionsPath}: there is no prediction for {sample.Place}, or its id comes twice. Compare predictions of the same labelled file."));
        }

        return predictions.Count == 0
            ? judged
            : throw new SampleFileException($"{predictions.Values.First().Place}: there is no row for this prediction in {samplesPath}. Compare predictions of the same labelled file.");
    }
}
