using System.Text.Json;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Datasets;

/// <summary>Reads data sets row by row. A bad row is told with everything that is wrong with it, and the next one follows.</summary>
internal static class DataRowReader
{
    private static readonly JsonDocumentOptions _strict = new() { AllowDuplicateProperties = false };

    /// <summary>The rows of a file, good and bad, in its order.</summary>
    /// <exception cref="SampleFileException">The file is missing or may not be read.</exception>
    public static IEnumerable<ReadRow> Read(string path, RowRules rules)
    {
        var folder = RowLines.FolderOf(path);
        foreach (var line in RowLines.Read(path))
        {
            yield return Parse(path, folder, line, rules);
        }
    }

    /// <summary>The good rows of a file; the first bad one is an error.</summary>
    /// <exception cref="SampleFileException">A row is bad; the message names file and line.</exception>
    public static IEnumerable<DataRow> ReadGood(string path, RowRules rules) =>
        Read(path, rules).Select(read => read.Row ?? throw new SampleFileException($"{read.Problems[0]} guardsharp data check names every bad row."));

    private static ReadRow Parse(string path, string folder, RowLine line, RowRules rules)
    {
        var problems = new List<RowProblem>();
        void Report(string kind, string message) => problems.Add(new RowProblem(path, line.Line, kind, message));
        if (line.Text is not { } text)
        {
            Report(ProblemKind.DamagedFile, line.Damage!);
            return new ReadRow(line.Line, null, problems);
        }

        try
        {
            using var document = JsonDocument.Parse(text, _strict);
            var row = document.RootElement.ValueKind == JsonValueKind.Object
                ? new RowParser(document.RootElement, rules, Report).Parse(path, folder, line.Line, text)
                : null;
            if (row is null && problems.Count == 0)
            {
                Report(ProblemKind.BrokenJson, $"the line is {JsonField.KindOf(document.RootElement)}. Expected one JSON object a line.");
            }

            return new ReadRow(line.Line, problems.Count == 0 ? row : null, problems);
        }
        catch (JsonException error)
        {
            Report(ProblemKind.BrokenJson, $"not one JSON object whose keys all differ (byte {error.BytePositionInLine + 1}). Expected one row a line.");
            return new ReadRow(line.Line, null, problems);
        }
    }
}
