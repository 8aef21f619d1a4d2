using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;

namespace GuardSharp.Tokenization;

/// <summary>A string whose ids are not the expected ones.</summary>
/// <param name="Row">Its place in the file, from 0.</param>
/// <param name="Column">Such as <c>llama4_special</c>.</param>
/// <param name="Text">The string.</param>
/// <param name="Expected">The file's ids; empty where it holds their number and hash alone.</param>
/// <param name="Actual">The tokenizer's ids.</param>
internal sealed record TokenizerMismatch(int Row, string Column, string Text, IReadOnlyList<int> Expected, IReadOnlyList<int> Actual);

/// <summary>What a check found.</summary>
/// <param name="Compared">Lists of ids compared: rows times columns.</param>
/// <param name="Mismatches">Those that differ, in the file's order for each family.</param>
internal sealed record TokenizerCaseReport(int Compared, IReadOnlyList<TokenizerMismatch> Mismatches);

/// <summary>Checks tokenizers against a file of strings and their ids: <c>[{"text", "llama3": [..], "llama3_special": [..], "llama4": [..], "llama4_special": [..]}, ...]</c>.</summary>
/// <remarks>
/// A column <c>FAMILY</c> holds the ids of ordinary text, <c>FAMILY_special</c> those with special tokens recognised. Rows may lack columns.
/// A long text is written <c>{"unit","count"}</c> in place of <c>"text"</c>, its ids <c>{"length","sha256_int32le"}</c>.
/// </remarks>
internal static class TokenizerCases
{
    // Long cases repeat a few letters tens of thousands of times; a slip in a file must not fill the memory.
    private const int MaxRepeats = 10_000_000;

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
                        if (Compare(tokenizer, row, column, text, ids, casesFile) is { } mismatch)
                        {
                            mismatches.Add(mismatch);
                        }
                    }
                }

                row++;
            }
        }

        return compared > 0 ? new TokenizerCaseReport(compared, mismatches) : throw new GuardException(
            $"{casesFile}: no row holds ids for the tokenizer at {tokenizerPath}. Columns are named {string.Join(", ", _families)}, each with and without \"_special\".");
    }

    private static TokenizerMismatch? Compare(BpeTokenizer tokenizer, int row, string column, string text, JsonElement expected, string file)
    {
        var ids = new List<int>();
        if (column.EndsWith("_special", StringComparison.Ordinal))
        {
            tokenizer.EncodeWithSpecials(text, ids);
        }
        else
        {
            tokenizer.Encode(text, ids);
        }

        if (expected.ValueKind == JsonValueKind.Object)
        {
            return IsOfDigest(ids, expected) ? null : new TokenizerMismatch(row, column, text, [], ids);
        }

        var recorded = Ids(expected, file, row, column);
        return ids.SequenceEqual(recorded) ? null : new TokenizerMismatch(row, column, text, recorded, ids);
    }

    private static bool IsOfDigest(List<int> ids, JsonElement expected)
    {
        int[] littleEndian = BitConverter.IsLittleEndian ? [.. ids] : [.. ids.Select(System.Buffers.Binary.BinaryPrimitives.ReverseEndianness)];
        var digest = Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<int>(littleEndian)));
        return expected.TryGetProperty("length", out var length) && length.ValueKind == JsonValueKind.Number && length.TryGetInt32(out var count) && count == ids.Count
            && expected.TryGetProperty("sha256_int32le", out var hash) && hash.ValueKind == JsonValueKind.String && hash.ValueEquals(digest);
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

    private static string Text(JsonElement row, string file, int index)
    {
        if (row.ValueKind == JsonValueKind.Object && row.TryGetProperty("text", out var text) && text.ValueKind == JsonValueKind.String)
        {
            return text.GetString()!;
        }

        return row.ValueKind == JsonValueKind.Object
            && row.TryGetProperty("unit", out var unit) && unit.ValueKind == JsonValueKind.String
            && row.TryGetProperty("count", out var count) && count.ValueKind == JsonValueKind.Number && count.TryGetInt32(out var times) && times is >= 0 and <= MaxRepeats
            ? string.Concat(Enumerable.Repeat(unit.GetString()!, times))
            : throw new GuardException($"{file}: row {index} has neither a string \"text\" nor \"unit\" with a \"count\" of at most {MaxRepeats}.");
    }

    private static int[] Ids(JsonElement ids, string file, int index, string column)
    {
        if (ids.ValueKind == JsonValueKind.Array && ids.EnumerateArray().All(id => id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out _)))
        {
            return [.. ids.EnumerateArray().Select(id => id.GetInt32())];
        }

        throw new GuardException($"{file}: row {index} has no list of whole numbers as \"{column}\".");
    }
}
