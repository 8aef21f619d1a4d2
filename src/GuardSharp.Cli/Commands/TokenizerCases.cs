using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Tokenization;

namespace GuardSharp.Cli.Commands;

/// <summary>Recorded token ids of one text, in the form of tests/golden/tokenizer/cases.json and long_cases.json.</summary>
internal sealed class TokenizerCases
{
    // The columns of the files, and the file names under which the fixtures keep the two vocabularies.
    private static readonly string[] _columns = ["llama3", "llama4"];

    private readonly JsonElement _case;
    private readonly string _text;

    private TokenizerCases(JsonElement golden, string text, int number) => (_case, _text, Number) = (golden, text, number);

    /// <summary>The place of the case in its file, from 0.</summary>
    public int Number { get; }

    /// <summary>All cases of a file.</summary>
    /// <exception cref="SampleFileException">The file is missing or has another form.</exception>
    public static IReadOnlyList<TokenizerCases> Read(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            var root = document.RootElement.Clone();
            return root.ValueKind == JsonValueKind.Array
                ? [.. root.EnumerateArray().Select((golden, number) => new TokenizerCases(golden, TextOf(golden, $"{path}: case {number}"), number))]
                : throw new SampleFileException($"{path}: expected a list of cases, but this is {MessageParser.KindOf(root)}.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new SampleFileException($"{path}: the cases cannot be read: {error.Message}", error);
        }
    }

    /// <summary>The tokenizers at a path with the columns they answer: both where a folder holds both under their fixture names.</summary>
    /// <exception cref="CheckpointException">There is no tokenizer.</exception>
    public static IEnumerable<(string Column, BpeTokenizer Tokenizer)> LoadTokenizers(string path)
    {
        var named = _columns.Where(column => File.Exists(Path.Combine(path, $"{column}_tokenizer.model"))).ToList();
        if (named.Count > 0)
        {
            return named.Select(column => (column, TokenizerFile.Load(Path.Combine(path, $"{column}_tokenizer.model"))));
        }

        // A single file does not say whose it is; Llama 4's vocabulary is the one above 200,000.
        var tokenizer = TokenizerFile.Load(path);
        return [(_columns[tokenizer.VocabularySize > 200_000 ? 1 : 0], tokenizer)];
    }

    /// <summary>Compares everything the case recorded for a vocabulary.</summary>
    public IEnumerable<(string Check, bool IsEqual)> Check(string column, BpeTokenizer tokenizer)
    {
        if (_case.TryGetProperty(column, out var plain))
        {
            var ids = new List<int>();
            tokenizer.Encode(_text, ids);
            yield return (column, IsEqual(plain, ids));
        }

        if (_case.TryGetProperty(column + "_special", out var special))
        {
            var ids = new List<int>();
            tokenizer.EncodeWithSpecials(_text, ids);
            yield return (column + "_special", IsEqual(special, ids));
        }
    }

    private static string TextOf(JsonElement golden, string place)
    {
        if (golden.ValueKind == JsonValueKind.Object && golden.TryGetProperty("unit", out _))
        {
            return golden.TryGetProperty("count", out var count) && count.TryGetInt32(out var times) && times is >= 0 and <= 10_000_000
                ? string.Concat(Enumerable.Repeat(MessageParser.Text(golden, "unit", place), times))
                : throw new SampleFileException($"{place}: \"count\" must be a number from 0 to 10000000.");
        }

        return MessageParser.Text(golden, "text", place);
    }

    // Ids in full, or for long texts their number and the SHA-256 of their bytes (int32, little endian).
    private static bool IsEqual(JsonElement expected, List<int> ids) => expected.ValueKind == JsonValueKind.Array
        ? expected.EnumerateArray().Select(id => id.GetInt32()).SequenceEqual(ids)
        : expected.GetProperty("length").GetInt32() == ids.Count
            && string.Equals(expected.GetProperty("sha256_int32le").GetString(), Digest(ids), StringComparison.OrdinalIgnoreCase);

    private static string Digest(List<int> ids)
    {
        var bytes = new byte[ids.Count * sizeof(int)];
        for (var i = 0; i < ids.Count; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(i * sizeof(int)), ids[i]);
        }

        return Convert.ToHexString(SHA256.HashData(bytes));
    }
}
