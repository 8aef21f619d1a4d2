using System.Globalization;
using System.Text.Json;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Datasets;
using Spectre.Console;

namespace GuardSharp.Cli.Output;

/// <summary>What a data set holds, as a table and as JSON, schema 1.</summary>
internal static class DataStatsOutput
{
    /// <summary>Draws the table.</summary>
    public static void WriteTable(Terminal terminal, DatasetStats stats)
    {
        var console = TerminalConsole.Create(terminal);
        var table = new Table { Border = TableBorder.Simple, ShowRowSeparators = false };
        table.AddColumn(new TableColumn("").NoWrap());
        foreach (var name in (string[])["rows", "unsafe", "safe", "unlabelled"])
        {
            table.AddColumn(new TableColumn(name).RightAligned().NoWrap());
        }

        AddRow(table, "[bold]all rows[/]", stats.All);
        foreach (var (kind, groups) in Groups(stats))
        {
            table.AddEmptyRow();
            table.AddRow($"[bold]{kind}[/]");
            foreach (var (name, group) in groups)
            {
                AddRow(table, Markup.Escape(name), group);
            }
        }

        console.Write(table);
        WriteLengths(console, "characters", stats.Characters);
        WriteLengths(console, "tokens", stats.Tokens);
        console.WriteLine($"{Count(stats.WeakLabels)} weak labels, {Count(stats.DuplicateIds)} ids given again, {Count(stats.DuplicateTexts)} rows with the texts and pictures of one before");
        if (stats.BadRows > 0)
        {
            console.WriteLine($"{Count(stats.BadRows)} bad rows are not counted: guardsharp data check names them");
        }
    }

    /// <summary>Writes the document.</summary>
    public static void WriteJson(TextWriter output, DatasetStats stats) => JsonOutput.Write(output, json =>
    {
        json.WriteNumber("schema", 1);
        WriteCounts(json, stats.All);
        json.WriteNumber("badRows", stats.BadRows);
        json.WriteNumber("weakLabels", stats.WeakLabels);
        json.WriteNumber("duplicateIds", stats.DuplicateIds);
        json.WriteNumber("duplicateTexts", stats.DuplicateTexts);
        WriteLengths(json, "characters", stats.Characters);
        WriteLengths(json, "tokens", stats.Tokens);
        foreach (var (kind, groups) in Groups(stats))
        {
            json.WriteStartObject($"by{char.ToUpperInvariant(kind[0])}{kind[1..]}");
            foreach (var (name, group) in groups)
            {
                json.WriteStartObject(name);
                WriteCounts(json, group);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }
    });

    private static (string Kind, SortedDictionary<string, VerdictCount> Groups)[] Groups(DatasetStats stats) =>
    [
        ("task", stats.ByTask), ("category", stats.ByCategory), ("language", stats.ByLanguage), ("source", stats.BySource),
        ("licence", stats.ByLicence), ("writer", stats.ByWriter), ("images", stats.ByImages),
    ];

    private static void AddRow(Table table, string name, VerdictCount group) =>
        table.AddRow(name, Count(group.Rows), Count(group.Unsafe), Count(group.Safe), group.Unlabelled == 0 ? "" : Count(group.Unlabelled));

    private static void WriteLengths(IAnsiConsole console, string unit, LengthSummary? lengths)
    {
        if (lengths is not null)
        {
            console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{unit}: {lengths.Least:N0} to {lengths.Most:N0}, median {lengths.Median:N0}, 95 % up to {lengths.P95:N0}, mean {lengths.Mean:N1}, all {lengths.Total:N0}"));
        }
    }

    private static void WriteCounts(Utf8JsonWriter json, VerdictCount group)
    {
        json.WriteNumber("rows", group.Rows);
        json.WriteNumber("unsafe", group.Unsafe);
        json.WriteNumber("safe", group.Safe);
        json.WriteNumber("unlabelled", group.Unlabelled);
    }

    private static void WriteLengths(Utf8JsonWriter json, string name, LengthSummary? lengths)
    {
        if (lengths is null)
        {
            json.WriteNull(name);
            return;
        }

        json.WriteStartObject(name);
        json.WriteNumber("least", lengths.Least);
        json.WriteNumber("median", lengths.Median);
        json.WriteNumber("p95", lengths.P95);
        json.WriteNumber("most", lengths.Most);
        json.WriteNumber("mean", Math.Round(lengths.Mean, 3));
        json.WriteNumber("total", lengths.Total);
        json.WriteEndObject();
    }

    private static string Count(long rows) => rows.ToString("N0", CultureInfo.InvariantCulture);
}
