using System.Text.Json;
using GuardSharp.Evaluation.Metrics;

namespace GuardSharp.Evaluation.Reports;

/// <summary>Writes a report as JSON, schema 1: numbers by name, intervals as [low, high] beside them, null for what is undefined.</summary>
internal static class MetricsReportWriter
{
    /// <summary>Writes the report as one object.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="report">The report.</param>
    /// <param name="model">The guard's name with its weights' hash.</param>
    /// <param name="samplesFile">Name of the sample file, without its folder.</param>
    public static void Write(Utf8JsonWriter json, MetricsReport report, string model, string samplesFile)
    {
        json.WriteStartObject();
        json.WriteNumber("schema", 1);
        json.WriteString("model", model);
        json.WriteString("file", samplesFile);
        json.WriteNumber("resamples", report.Options.Resamples);
        json.WriteNumber("seed", report.Options.Seed);
        json.WritePropertyName("overall");
        WriteGroup(json, report.Overall);
        json.WritePropertyName("meanOverSources");
        WriteMean(json, report.MeanOverSources);
        json.WritePropertyName("meanOverCategories");
        WriteMean(json, report.MeanOverCategories);
        WriteGroups(json, "bySource", report.BySource);
        WriteGroups(json, "byLanguage", report.ByLanguage);
        WriteGroups(json, "byTask", report.ByTask);
        WriteGroups(json, "byCategory", report.ByCategory);
        WriteGroups(json, "byImages", report.ByImages);
        json.WriteEndObject();
        json.Flush();
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
        WriteValue(json, "auroc", metrics.Auroc, group.Auroc);
        WriteValue(json, "auprc", metrics.Auprc, group.Auprc);
        WriteValue(json, "precision", metrics.Precision, group.Precision);
        WriteValue(json, "recall", metrics.Recall, group.Recall);
        WriteValue(json, "f1", metrics.F1, group.F1);
        WriteValue(json, "fpr", metrics.FalsePositiveRate, group.FalsePositiveRate);
        json.WriteEndObject();
    }

    private static void WriteMean(Utf8JsonWriter json, MeanReport mean)
    {
        json.WriteStartObject();
        json.WriteNumber("n", mean.Groups.Count);
        json.WriteStartArray("groups");
        foreach (var name in mean.Groups)
        {
            json.WriteStringValue(name);
        }

        json.WriteEndArray();
        WriteValue(json, "auroc", mean.Auroc, mean.AurocInterval);
        WriteValue(json, "auprc", mean.Auprc, mean.AuprcInterval);
        WriteValue(json, "f1", mean.F1, mean.F1Interval);
        json.WriteEndObject();
    }

    private static void WriteValue(Utf8JsonWriter json, string name, double? value, Interval? interval)
    {
        json.WritePropertyName(name);
        WriteNumber(json, value);
        json.WritePropertyName(name + "Interval");
        if (interval is { } ends)
        {
            json.WriteStartArray();
            json.WriteNumberValue(ends.Low);
            json.WriteNumberValue(ends.High);
            json.WriteEndArray();
        }
        else
        {
            json.WriteNullValue();
        }
    }

    private static void WriteNumber(Utf8JsonWriter json, double? value)
    {
        if (value is { } number)
        {
            json.WriteNumberValue(number);
        }
        else
        {
            json.WriteNullValue();
        }
    }
}
