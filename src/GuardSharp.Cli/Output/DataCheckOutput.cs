using System.Globalization;
using System.Text.Json;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Datasets;

namespace GuardSharp.Cli.Output;

/// <summary>What a check found, as lines and as JSON, schema 1.</summary>
internal static class DataCheckOutput
{
    // Templated sets hold thousands of near duplicates; bad rows and leaks are always all named.
    private const int MostDuplicatesShown = 10;

    /// <summary>Writes a line for each bad row and leak, then the numbers.</summary>
    public static void WriteText(Terminal terminal, DatasetCheck check, string? output)
    {
        var writer = terminal.Out;
        check.Problems.ForEach(problem => writer.WriteLine(problem));
        check.Leaks.ForEach(pair => writer.WriteLine(Line("leak", pair)));
        foreach (var pair in check.Duplicates.Take(MostDuplicatesShown))
        {
            writer.WriteLine(Line("near-duplicate", pair));
        }

        if (check.Duplicates.Count > MostDuplicatesShown)
        {
            writer.WriteLine($"... and {Count(check.Duplicates.Count - MostDuplicatesShown)} more near duplicates; --json names all");
        }

        writer.WriteLine($"{Count(check.Rows)} rows: {Count(check.BadRows)} bad, {Count(check.Leaks.Count)} leaks, {Count(check.Duplicates.Count)} near duplicates, {Count(check.CleanRows)} clean");
        foreach (var (kind, count) in Kinds(check))
        {
            writer.WriteLine($"  {kind}: {Count(count)}");
        }

        if (output is not null)
        {
            writer.WriteLine($"{output}: {Count(check.CleanRows)} rows written");
        }
    }

    /// <summary>Writes the document.</summary>
    public static void WriteJson(TextWriter writer, DatasetCheck check, string? output) => JsonOutput.Write(writer, json =>
    {
        json.WriteNumber("schema", 1);
        json.WriteNumber("rows", check.Rows);
        json.WriteNumber("developmentRows", check.DevelopmentRows);
        json.WriteNumber("badRows", check.BadRows);
        json.WriteNumber("cleanRows", check.CleanRows);
        json.WriteString("output", output);
        json.WriteStartObject("problemKinds");
        foreach (var (kind, count) in Kinds(check))
        {
            json.WriteNumber(kind, count);
        }

        json.WriteEndObject();
        json.WriteStartArray("problems");
        foreach (var problem in check.Problems)
        {
            json.WriteStartObject();
            json.WriteString("file", problem.File);
            json.WriteNumber("line", problem.Line);
            json.WriteString("kind", problem.Kind);
            json.WriteString("message", problem.Message);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        WritePairs(json, "leaks", check.Leaks);
        WritePairs(json, "nearDuplicates", check.Duplicates);
    });

    private static IEnumerable<KeyValuePair<string, int>> Kinds(DatasetCheck check) =>
        check.Problems.CountBy(problem => problem.Kind).OrderBy(kind => kind.Key, StringComparer.Ordinal);

    private static string Line(string kind, RowPair pair) =>
        string.Create(CultureInfo.InvariantCulture, $"{pair.Row.Place}: {kind}: {pair.Share:F2} of its 8-grams are those of {pair.Other.Place}");

    private static void WritePairs(Utf8JsonWriter json, string name, List<RowPair> pairs)
    {
        json.WriteStartArray(name);
        foreach (var pair in pairs)
        {
            json.WriteStartObject();
            WriteRow(json, "row", pair.Row);
            WriteRow(json, "like", pair.Other);
            json.WriteNumber("share", Math.Round(pair.Share, 4));
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteRow(Utf8JsonWriter json, string name, DataRow row)
    {
        json.WriteStartObject(name);
        json.WriteString("file", row.File);
        json.WriteNumber("line", row.Line);
        json.WriteString("id", row.Id);
        json.WriteEndObject();
    }

    private static string Count(long rows) => rows.ToString("N0", CultureInfo.InvariantCulture);
}
