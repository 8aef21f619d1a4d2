using System.Text.Json;

namespace GuardSharp.Tokenization;

/// <summary>A string whose ids are not the expected ones.</summary>
/// <param name="Row">Its place in the file, from 0.</param>
/// <param name="Column">Such as <c>llama4_special</c>.</param>
/// <param name="Text">The string.</param>
/// <param name="Expected">The file's ids.</param>
/// <param name="Actual">The tokenizer's ids.</param>
internal sealed record TokenizerMismatch(int Row, string Column, string Text, IReadOnlyList<int> Expected, IReadOnlyList<int> Actual);

/// <summary>What a check found.</summary>
/// <param name="Compared">Lists of ids compared: rows times columns.</param>
/// <param name="Mismatches">Those that differ, in the file's order for each family.</param>
internal sealed record TokenizerCaseReport(int Compared, IReadOnlyList<TokenizerMismatch> Mismatches);

/// <summary>Checks tokenizers against a file of strings and their ids: <c>[{"text", "llama3": [..], "llama3_special": [..], "llama4": [..], "llama4_special": [..]}, ...]</c>.</summary>
/// <remarks>A column <c>FAMILY</c> holds the ids of ordinary text, <c>FAMILY_special</c> those with special tokens recognised. Rows may lack columns.</remarks>
internal static class TokenizerCases
{
    private static readonly string[] _families = ["llama3", "llama4"];

    /// <summary>Runs the cases.</summary>
    /// <param name="tokenizerPath">A tokenizer file, a checkpoint's folder, or a folder with <c>llama3_tokenizer.model</c> or <c>llama4_tokenizer.model</c>.</param>
    /// <param name="casesFile">The file of strings and ids.</param>
    /// <exception cref="CheckpointException">A tokenizer cannot be used, or is of neither family.</exception>
    /// <exception cref="GuardException">The cases cannot be read, or hold nothing for these tokenizers.</exception>
    public static TokenizerCaseReport Run(string tokenizerPath, string casesFile)
    {
        var mismatches = new List<TokenizerMismatch>();
        var compared = 0;
        using var cases = Open(casesFile);
        foreach (var (family, tokenizer) in Tokenizers(tokenizerPath))
        {
            var row = 0;
            foreach (var element in cases.RootElement.EnumerateArray())
            {
                var text = Text(element, casesFile, row);
                foreach (var column in (ReadOnlySpan<string>)[family, family + "_special"])
                {
                    if (element.TryGetProperty(column, out var ids))
                    {
                        compared++;
                        Compare(tokenizer, new TokenizerMismatch(row, column, text, Ids(ids, casesFile, row, column), []), mismatches);
                    }
                }

                row++;
            }
        }

        return compared > 0 ? new TokenizerCaseReport(compared, mismatches) : throw new GuardException(
            $"{casesFile}: no row holds ids for the tokenizer at {tokenizerPath}. Columns are named {string.Join(", ", _families)}, each with and without \"_special\".");
    }

    private static void Compare(BpeTokenizer tokenizer, TokenizerMismatch expected, List<TokenizerMismatch> mismatches)
    {
        var ids = new List<int>();
        if (expected.Column.EndsWith("_special", StringComparison.Ordinal))
        {
            tokenizer.EncodeWithSpecials(expected.Text, ids);
        }
        else
        {
            tokenizer.Encode(expected.Text, ids);
        }

        if (!ids.SequenceEqual(expected.Expected))
        {
            mismatches.Add(expected with { Actual = ids });
        }
    }

    private static IEnumerable<(string Family, BpeTokenizer Tokenizer)> Tokenizers(string path)
    {
        var golden = _families
            .Select(family => (Family: family, File: Path.Combine(path, family + "_tokenizer.model")))
            .Where(candidate => File.Exists(candidate.File))
            .ToArray();
        foreach (var (family, file) in golden)
        {
            yield return (family, TokenizerFile.Load(file));
        }

        if (golden.Length == 0)
        {
            var tokenizer = TokenizerFile.Load(path);
            yield return (FamilyOf(tokenizer, path), tokenizer);
        }
    }

    private static string FamilyOf(BpeTokenizer tokenizer, string path) => tokenizer.TryGetSpecial("<|begin_of_text|>", out var begin) ? begin switch
    {
        SpecialTokens.Llama3Ordinary => "llama3",
        SpecialTokens.Llama4Ordinary => "llama4",
        _ => throw new CheckpointException($"{path}: <|begin_of_text|> has the id {begin}, but the cases are for Llama 3 ({SpecialTokens.Llama3Ordinary}) and Llama 4 ({SpecialTokens.Llama4Ordinary})."),
    }
    : throw new CheckpointException($"{path}: has no <|begin_of_text|>, so it is neither Llama 3's nor Llama 4's tokenizer, for which the cases are.");

    private static JsonDocument Open(string file)
    {
        try
        {
            var document = JsonDocument.Parse(File.ReadAllBytes(file));
            return document.RootElement.ValueKind == JsonValueKind.Array ? document : throw new GuardException($"{file}: is no array of cases.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new GuardException($"{file}: the cases cannot be read: {e.Message}", e);
        }
    }

    private static string Text(JsonElement row, string file, int index) =>
        row.ValueKind == JsonValueKind.Object && row.TryGetProperty("text", out var text) && text.ValueKind == JsonValueKind.String
            ? text.GetString()!
            : throw new GuardException($"{file}: row {index} has no string \"text\".");

    private static int[] Ids(JsonElement ids, string file, int index, string column)
    {
        if (ids.ValueKind == JsonValueKind.Array && ids.EnumerateArray().All(id => id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out _)))
        {
            return [.. ids.EnumerateArray().Select(id => id.GetInt32())];
        }

        throw new GuardException($"{file}: row {index} has no list of whole numbers as \"{column}\".");
    }
}
