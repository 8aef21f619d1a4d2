using System.Globalization;
using System.Text.Json;
using GuardSharp.Cli.Measuring;
using GuardSharp.CommandLine;
using Spectre.Console;

namespace GuardSharp.Cli.Output;

/// <summary>A report of <c>bench</c> as a table or as JSON, schema 1.</summary>
internal static class BenchOutput
{
    /// <summary>Writes one document.</summary>
    public static void WriteJson(TextWriter output, BenchReport report) => JsonOutput.Write(output, json =>
    {
        json.WriteNumber("schema", 1);
        json.WriteString("model", report.Model);
        json.WriteNumber("threads", report.Threads);
        json.WriteStartObject("startUpMilliseconds");
        json.WriteNumber("processStartToReady", Rounded(report.Start.ProcessStartToReady));
        json.WriteNumber("load", Rounded(report.Start.Load));
        json.WriteNumber("firstVerdict", Rounded(report.Start.FirstVerdict));
        json.WriteEndObject();
        WriteTimes(json, "timeToVerdictMilliseconds", report.Cached);
        WriteTimes(json, "timeToVerdictWithoutCacheMilliseconds", report.Uncached);
        json.WriteNumber("prefillTokens", report.PrefillTokens);
        json.WriteNumber("prefillTokensPerSecond", Rounded(report.PrefillTokensPerSecond));
        json.WriteNumber("decodeTokensPerSecond", Rounded(report.DecodeTokensPerSecond));
        json.WriteStartObject("verdictsPerSecond");
        foreach (var (size, speed) in report.VerdictsPerSecond)
        {
            var name = "batch" + size.ToString(CultureInfo.InvariantCulture);
            if (speed is { } value)
            {
                json.WriteNumber(name, Rounded(value));
            }
            else
            {
                json.WriteNull(name);
            }
        }

        json.WriteEndObject();
        json.WriteNumber("peakResidentMegabytes", Rounded(report.PeakResidentMegabytes));
    });

    /// <summary>Draws the tables.</summary>
    public static void WriteTable(Terminal terminal, BenchReport report)
    {
        var console = TerminalConsole.Create(terminal);
        console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{report.Model}, {report.Threads} threads"));
        var table = new Table { Border = TableBorder.Simple };
        table.AddColumn(new TableColumn("time to verdict, ms").NoWrap());
        foreach (var name in (string[])["p50", "p95", "n", "no cache: p50", "p95", "n", "tokens", "of images"])
        {
            table.AddColumn(new TableColumn(name).RightAligned().NoWrap());
        }

        foreach (var (name, times) in report.Cached)
        {
            var without = report.Uncached[name];
            table.AddRow(
                name, Text(times.P50), Text(times.P95), Count(times.Milliseconds.Count), Text(without.P50), Text(without.P95), Count(without.Milliseconds.Count),
                Count(times.PromptTokens), Count(times.ImageTokens));
        }

        console.Write(table);
        var grid = new Grid();
        grid.AddColumn(new GridColumn { NoWrap = true });
        grid.AddColumn(new GridColumn { NoWrap = true });
        foreach (var (name, value) in Lines(report))
        {
            grid.AddRow(new Text(name), new Text(value));
        }

        console.Write(grid);
    }

    private static IEnumerable<(string Name, string Value)> Lines(BenchReport report)
    {
        yield return ("reading", string.Create(CultureInfo.InvariantCulture, $"{Text(report.PrefillTokensPerSecond)} tokens/s, {report.PrefillTokens} at a time"));
        yield return ("one token after the other", $"{Text(report.DecodeTokensPerSecond)} tokens/s");
        foreach (var (size, speed) in report.VerdictsPerSecond)
        {
            yield return (string.Create(CultureInfo.InvariantCulture, $"short texts, {size} at a time"), speed is { } value ? $"{Text(value)} verdicts/s" : "left out: it would take too long (--seconds)");
        }

        yield return ("start of the process to a loaded model", $"{Text(report.Start.ProcessStartToReady)} ms, of which loading {Text(report.Start.Load)} ms");
        yield return ("first verdict", $"{Text(report.Start.FirstVerdict)} ms");
        yield return ("peak memory, with caches", $"{Text(report.PeakResidentMegabytes)} MB, touched weights included");
    }

    private static void WriteTimes(Utf8JsonWriter json, string name, IReadOnlyDictionary<string, VerdictTimes> kinds)
    {
        json.WriteStartObject(name);
        foreach (var (kind, times) in kinds)
        {
            json.WriteStartObject(kind);
            json.WriteNumber("p50", Rounded(times.P50));
            json.WriteNumber("p95", Rounded(times.P95));
            json.WriteNumber("n", times.Milliseconds.Count);
            json.WriteNumber("promptTokens", times.PromptTokens);
            json.WriteNumber("imageTokens", times.ImageTokens);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static double Rounded(double value) => Math.Round(value, 3);

    // Three digits are more than a measurement on a shared machine knows.
    private static string Text(double value) => value >= 100 ? value.ToString("N0", CultureInfo.InvariantCulture) : value.ToString("G3", CultureInfo.InvariantCulture);

    private static string Count(int value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
