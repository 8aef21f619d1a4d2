using System.Globalization;
using System.Text.Json;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Augmentation;
using GuardSharp.Evaluation.Datasets;
using GuardSharp.Evaluation.Datasets.Blending;
using Spectre.Console;

namespace GuardSharp.Cli.Output;

/// <summary>What a blend came to, as tables and as JSON, schema 1: nothing is dropped without a line here.</summary>
internal static class DataBlendOutput
{
    /// <summary>Draws the tables.</summary>
    public static void WriteTables(Terminal terminal, BlendResult result, IReadOnlyList<(DataRow Row, PolicyTarget Target)> policies)
    {
        var console = TerminalConsole.Create(terminal);
        var table = NewTable("dropped because", "source", "rows");
        foreach (var (reason, source, rows) in Dropped(result))
        {
            table.AddRow(Markup.Escape(reason), Markup.Escape(source), Count(rows));
        }

        console.Write(table);
        var kept = NewTable("written", "unsafe", "safe");
        foreach (var (source, isUnsafe, isSafe) in Kept(result))
        {
            kept.AddRow(Markup.Escape(source), Count(isUnsafe), Count(isSafe));
        }

        console.Write(kept);
        console.WriteLine(
            $"{Count(result.Read)} rows read: {Count(result.Train.Count)} written ({Count(result.Train.Count(row => row.Copy > 0))} of them repetitions), {Count(result.Development.Count)} kept for development, {Count(result.Dropped.Count)} dropped");
        foreach (var (row, target) in policies)
        {
            console.WriteLine($"{row.Id}: {Label(row.Unsafe == true, row.Categories)} -> {Label(target.Unsafe, target.Categories)} under {string.Join(", ", target.Policy.Categories.Select(category => $"{category.Code} {category.Name}"))}");
        }
    }

    /// <summary>Writes the document.</summary>
    public static void WriteJson(TextWriter output, BlendResult result, IReadOnlyList<(DataRow Row, PolicyTarget Target)> policies) => JsonOutput.Write(output, json =>
    {
        json.WriteNumber("schema", 1);
        json.WriteNumber("read", result.Read);
        json.WriteNumber("written", result.Train.Count);
        json.WriteNumber("repetitions", result.Train.Count(row => row.Copy > 0));
        json.WriteNumber("development", result.Development.Count);
        json.WriteStartArray("dropped");
        foreach (var (reason, source, rows) in Dropped(result))
        {
            json.WriteStartObject();
            json.WriteString("reason", reason);
            json.WriteString("source", source);
            json.WriteNumber("rows", rows);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartObject("writtenBySource");
        foreach (var (source, isUnsafe, isSafe) in Kept(result))
        {
            json.WriteStartObject(source);
            json.WriteNumber("unsafe", isUnsafe);
            json.WriteNumber("safe", isSafe);
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteStartArray("preview");
        foreach (var (row, target) in policies)
        {
            WritePreview(json, row, target);
        }

        json.WriteEndArray();
    });

    private static void WritePreview(Utf8JsonWriter json, DataRow row, PolicyTarget target)
    {
        json.WriteStartObject();
        json.WriteString("id", row.Id);
        json.WriteTexts("categoriesBefore", row.Categories);
        json.WriteBoolean("unsafe", target.Unsafe);
        json.WriteTexts("categories", target.Categories);
        json.WriteTexts("policy", target.Policy.Categories.Select(category => $"{category.Code}: {category.Name}"));
        json.WriteEndObject();
    }

    private static IEnumerable<(string Reason, string Source, int Rows)> Dropped(BlendResult result) =>
        result.Dropped.CountBy(row => (row.Reason, row.Source))
            .OrderBy(pair => pair.Key.Reason, StringComparer.Ordinal).ThenBy(pair => pair.Key.Source, StringComparer.Ordinal)
            .Select(pair => (pair.Key.Reason, pair.Key.Source, pair.Value));

    private static IEnumerable<(string Source, int Unsafe, int Safe)> Kept(BlendResult result) =>
        result.Train.GroupBy(row => row.Row.Source).OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => (group.Key, group.Count(row => row.Row.Unsafe == true), group.Count(row => row.Row.Unsafe == false)));

    private static Table NewTable(params string[] columns)
    {
        var table = new Table { Border = TableBorder.Simple, ShowRowSeparators = false };
        foreach (var column in columns)
        {
            var isNumber = column is "rows" or "unsafe" or "safe";
            table.AddColumn(isNumber ? new TableColumn(column).RightAligned().NoWrap() : new TableColumn(column));
        }

        return table;
    }

    private static string Label(bool isUnsafe, IReadOnlyList<string> categories) => isUnsafe ? categories.Count > 0 ? $"unsafe {string.Join(',', categories)}" : "unsafe" : "safe";

    private static string Count(long rows) => rows.ToString("N0", CultureInfo.InvariantCulture);
}
