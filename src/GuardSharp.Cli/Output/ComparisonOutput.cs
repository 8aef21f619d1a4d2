using System.Globalization;
using System.Text.Json;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Comparison;
using GuardSharp.Evaluation.Metrics;
using Spectre.Console;

namespace GuardSharp.Cli.Output;

/// <summary>Two guards side by side, as a table or as JSON.</summary>
internal static class ComparisonOutput
{
    /// <summary>Draws the table.</summary>
    public static void Write(Terminal terminal, string first, string second, PairedComparison comparison)
    {
        var console = TerminalConsole.Create(terminal, wide: true);
        var table = new Table { Border = TableBorder.Simple, ShowRowSeparators = false };
        foreach (var name in (string[])["", "A", "B", "B - A", "95 %"])
        {
            table.AddColumn(new TableColumn(name).NoWrap().RightAligned());
        }

        foreach (var (name, metric) in Metrics(comparison))
        {
            table.AddRow(name, Number(metric.First), Number(metric.Second), Signed(metric.Difference.Value), Ends(metric.Difference.Interval));
        }

        console.WriteLine($"A: {first}");
        console.WriteLine($"B: {second}");
        console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{comparison.Rows:N0} rows: {comparison.UnsafeRows:N0} unsafe, {comparison.SafeRows:N0} safe"));
        console.Write(table);
        foreach (var (rows, test) in comparison.Tests)
        {
            console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"McNemar, {rows} rows: only A right {test.OnlyFirst:N0}, only B right {test.OnlySecond:N0}, p = {test.PValue:G3} ({(test.IsExact ? "exact" : "chi-square")})"));
        }
    }

    /// <summary>Writes the properties of the JSON document.</summary>
    public static void Write(Utf8JsonWriter json, string first, string second, string samples, PairedComparison comparison)
    {
        json.WriteNumber("schema", 1);
        json.WriteString("first", first);
        json.WriteString("second", second);
        json.WriteString("file", Path.GetFileName(samples));
        json.WriteNumber("n", comparison.Rows);
        json.WriteNumber("unsafe", comparison.UnsafeRows);
        json.WriteNumber("safe", comparison.SafeRows);
        json.WriteStartObject("metrics");
        foreach (var (name, metric) in Metrics(comparison))
        {
            json.WriteStartObject(name);
            WriteNumber(json, "first", metric.First);
            WriteNumber(json, "second", metric.Second);
            WriteNumber(json, "difference", metric.Difference.Value);
            WriteInterval(json, "differenceInterval", metric.Difference.Interval);
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteStartObject("mcnemar");
        foreach (var (rows, test) in comparison.Tests)
        {
            json.WriteStartObject(rows);
            json.WriteNumber("onlyFirstRight", test.OnlyFirst);
            json.WriteNumber("onlySecondRight", test.OnlySecond);
            json.WriteNumber("p", test.PValue);
            json.WriteBoolean("exact", test.IsExact);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static IEnumerable<KeyValuePair<string, PairedMetric>> Metrics(PairedComparison comparison) =>
        comparison.Metrics.Append(KeyValuePair.Create("meanAurocOverSources", comparison.MeanAurocOverSources));

    private static string Number(double? value) => value is { } number ? number.ToString("F3", CultureInfo.InvariantCulture) : "–";

    private static string Signed(double? value) => value is { } number ? number.ToString("+0.000;-0.000;0.000", CultureInfo.InvariantCulture) : "–";

    private static string Ends(Interval? interval) => interval is { } ends ? $"{Signed(ends.Low)} to {Signed(ends.High)}" : "";

    private static void WriteInterval(Utf8JsonWriter json, string name, Interval? interval)
    {
        if (interval is not { } ends)
        {
            json.WriteNull(name);
            return;
        }

        json.WriteStartArray(name);
        json.WriteNumberValue(ends.Low);
        json.WriteNumberValue(ends.High);
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
