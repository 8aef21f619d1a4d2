using System.Globalization;
using System.Text.Json;
using GuardSharp.Evaluation.Metrics;
using GuardSharp.Evaluation.Thresholds;

namespace GuardSharp.Evaluation.Reports;

/// <summary>Writes a result as JSON, schema 2: numbers by name, intervals as [low, high] beside them, null for what is undefined.</summary>
internal static class MetricsReportWriter
{
    /// <summary>Writes the result as one object.</summary>
    public static void Write(Utf8JsonWriter json, EvaluationResult result)
    {
        var report = result.Report;
        json.WriteStartObject();
        json.WriteNumber("schema", 2);
        json.WriteString("model", result.Model);
        json.WriteString("file", Path.GetFileName(result.SamplesPath));
        json.WriteNumber("resamples", report.Options.Resamples);
        json.WriteNumber("seed", report.Options.Seed);
        json.WriteBoolean("lastImage", result.LastImage);
        json.WritePropertyName("threshold");
        WriteThreshold(json, result.Threshold);
        WriteTexts(json, "notes", report.Notes);
        json.WritePropertyName("overall");
        WriteGroup(json, report.Overall);
        WriteMean(json, "meanOverSources", report.MeanOverSources);
        WriteMean(json, "meanOverLanguages", report.MeanOverLanguages);
        WriteMean(json, "meanOverCategories", report.MeanOverCategories);
        WriteCard(json, report.Card);
        WriteGroups(json, "bySource", report.BySource);
        WriteGroups(json, "byLanguage", report.ByLanguage);
        WriteGroups(json, "byTask", report.ByTask);
        WriteGroups(json, "byCategory", report.ByCategory);
        WriteGroups(json, "byImages", report.ByImages);
        WriteCurves(json, report.Curves);
        json.WriteEndObject();
        json.Flush();
    }

    private static void WriteThreshold(Utf8JsonWriter json, ThresholdChoice? choice)
    {
        if (choice is null)
        {
            json.WriteNullValue();
            return;
        }

        json.WriteStartObject();
        json.WriteNumber("value", choice.Value);
        json.WriteString("chosenFor", choice.Goal switch { ThresholdGoal.TargetFpr => "targetFpr", ThresholdGoal.BestF1 => "bestF1", _ => "given" });
        WriteNumber(json, "targetFpr", choice.TargetFpr);
        json.WriteString("developmentFile", choice.DevelopmentFile);
        json.WriteBoolean("optimistic", choice.IsOptimistic);
        if (choice.Development is { } development)
        {
            json.WriteStartObject("development");
            json.WriteNumber("unsafe", development.UnsafeRows);
            json.WriteNumber("safe", development.SafeRows);
            WriteNumber(json, "recall", development.Recall);
            WriteNumber(json, "fpr", development.FalsePositiveRate);
            WriteNumber(json, "f1", development.F1);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteGroups(Utf8JsonWriter json, string name, IReadOnlyDictionary<string, GroupReport> groups)
    {
        json.WriteStartObject(name);
        foreach (var (key, group) in groups)
        {
            json.WritePropertyName(key);
            WriteGroup(json, group);
        }

        json.WriteEndObject();
    }

    private static void WriteGroup(Utf8JsonWriter json, GroupReport group)
    {
        var metrics = group.Metrics;
        json.WriteStartObject();
        json.WriteNumber("n", metrics.Rows);
        json.WriteNumber("unsafe", metrics.UnsafeRows);
        json.WriteNumber("safe", metrics.SafeRows);
        json.WriteNumber("tp", metrics.TruePositives);
        json.WriteNumber("fp", metrics.FalsePositives);
        json.WriteNumber("tn", metrics.TrueNegatives);
        json.WriteNumber("fn", metrics.FalseNegatives);
        WriteValue(json, "auroc", new Estimate(metrics.Auroc, group.Auroc));
        WriteValue(json, "auprc", new Estimate(metrics.Auprc, group.Auprc));
        WriteValue(json, "precision", new Estimate(metrics.Precision, group.Precision));
        WriteValue(json, "recall", new Estimate(metrics.Recall, group.Recall));
        WriteValue(json, "f1", new Estimate(metrics.F1, group.F1));
        WriteValue(json, "fpr", new Estimate(metrics.FalsePositiveRate, group.FalsePositiveRate));
        WriteValue(json, "recallAtFpr1", new Estimate(metrics.RecallAtFpr1, group.RecallAtFpr1));
        WriteValue(json, "recallAtFpr5", new Estimate(metrics.RecallAtFpr5, group.RecallAtFpr5));
        WriteValue(json, "calibrationError", new Estimate(metrics.CalibrationError, group.CalibrationError));
        json.WriteEndObject();
    }

    private static void WriteMean(Utf8JsonWriter json, string name, MeanReport mean)
    {
        json.WriteStartObject(name);
        json.WriteNumber("n", mean.Groups.Count);
        WriteTexts(json, "groups", mean.Groups);
        WriteValue(json, "auroc", mean.Auroc);
        WriteValue(json, "auprc", mean.Auprc);
        WriteValue(json, "recall", mean.Recall);
        WriteValue(json, "f1", mean.F1);
        WriteValue(json, "fpr", mean.FalsePositiveRate);
        json.WriteEndObject();
    }

    private static void WriteCard(Utf8JsonWriter json, IReadOnlyDictionary<string, CardReport> card)
    {
        json.WriteStartObject("card");
        foreach (var (task, report) in card)
        {
            json.WriteStartObject(task);
            WriteCardRow(json, "english", report.English);
            WriteCardRow(json, "multilingual", report.Multilingual);
            WriteCardRow(json, "singleImage", report.SingleImage);
            WriteCardRow(json, "severalImages", report.SeveralImages);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteCardRow(Utf8JsonWriter json, string name, CardRow? row)
    {
        if (row is null)
        {
            json.WriteNull(name);
            return;
        }

        json.WriteStartObject(name);
        json.WriteNumber("n", row.Rows);
        json.WriteNumber("unsafe", row.UnsafeRows);
        json.WriteNumber("safe", row.SafeRows);
        WriteTexts(json, "groups", row.Groups);
        WriteValue(json, "recall", row.Recall);
        WriteValue(json, "fpr", row.FalsePositiveRate);
        WriteValue(json, "f1", row.F1);
        json.WriteEndObject();
    }

    private static void WriteCurves(Utf8JsonWriter json, CurveReport curves)
    {
        json.WriteStartObject("curves");
        WritePoints(json, "roc", ["threshold", "fpr", "recall"], curves.Roc.Select(point => (double?[])[point.Threshold, point.FalsePositiveRate, point.Recall]));
        WritePoints(json, "precisionRecall", ["threshold", "recall", "precision"], curves.PrecisionRecall.Select(point => (double?[])[point.Threshold, point.Recall, point.Precision]));
        json.WriteStartArray("reliability");
        foreach (var bin in curves.Reliability)
        {
            json.WriteStartObject();
            json.WriteNumber("low", bin.Low);
            json.WriteNumber("high", bin.High);
            json.WriteNumber("n", bin.Rows);
            WriteNumber(json, "meanScore", bin.MeanScore);
            WriteValue(json, "unsafeShare", bin.UnsafeShare);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    // Hundreds of points: a list for each coordinate is a quarter of the text that an object for each point is.
    private static void WritePoints(Utf8JsonWriter json, string name, string[] coordinates, IEnumerable<double?[]> points)
    {
        double?[][] all = [.. points];
        json.WriteStartObject(name);
        for (var i = 0; i < coordinates.Length; i++)
        {
            json.WritePropertyName(coordinates[i]);
            json.WriteRawValue("[" + string.Join(',', all.Select(point => point[i] is { } number ? number.ToString("R", CultureInfo.InvariantCulture) : "null")) + "]");
        }

        json.WriteEndObject();
    }

    private static void WriteValue(Utf8JsonWriter json, string name, Estimate estimate)
    {
        WriteNumber(json, name, estimate.Value);
        if (estimate.Interval is not { } ends)
        {
            json.WriteNull(name + "Interval");
            return;
        }

        json.WriteStartArray(name + "Interval");
        json.WriteNumberValue(ends.Low);
        json.WriteNumberValue(ends.High);
        json.WriteEndArray();
    }

    private static void WriteTexts(Utf8JsonWriter json, string name, IEnumerable<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts)
        {
            json.WriteStringValue(text);
        }

        json.WriteEndArray();
    }

    private static void WriteNumber(Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, number);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
