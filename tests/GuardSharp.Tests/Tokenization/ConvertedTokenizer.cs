using System.Text.Encodings.Web;
using System.Text.Json;
using GuardSharp.Tokenization;

namespace GuardSharp.Tests.Tokenization;

/// <summary>Writes a <c>tokenizer.json</c> from a tiktoken file the way Hugging Face's converter does: every split of a token into two tokens is a merge.</summary>
internal static class ConvertedTokenizer
{
    public static void Write(string modelFile, string jsonFile, bool mergesAsPairs)
    {
        var table = TiktokenReader.ReadTokens(modelFile, File.ReadAllBytes(modelFile));
        var isLlama4 = table.Count == SpecialTokens.Llama4Ordinary;
        using var stream = File.Create(jsonFile);
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        json.WriteStartObject();
        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        json.WriteBoolean("ignore_merges", true);
        json.WriteStartArray("merges"); // before the vocabulary on purpose: order in the file must not matter
        foreach (var (left, right) in Merges(table))
        {
            if (mergesAsPairs)
            {
                json.WriteStartArray();
                json.WriteStringValue(Spell(table, left));
                json.WriteStringValue(Spell(table, right));
                json.WriteEndArray();
            }
            else
            {
                json.WriteStringValue($"{Spell(table, left)} {Spell(table, right)}");
            }
        }

        json.WriteEndArray();
        json.WriteStartObject("vocab");
        for (var id = 0; id < table.Limit; id++)
        {
            json.WriteNumber(Spell(table, id), id);
        }

        json.WriteEndObject();
        json.WriteEndObject();
        WriteRest(json, isLlama4 ? SpecialTokens.Llama4() : SpecialTokens.Llama3(), isLlama4 ? SplitPattern.Llama4 : SplitPattern.Llama3);
        json.WriteEndObject();
    }

    private static void WriteRest(Utf8JsonWriter json, Dictionary<string, int> specials, string pattern)
    {
        json.WriteStartArray("added_tokens");
        foreach (var (name, id) in specials)
        {
            json.WriteStartObject();
            json.WriteNumber("id", id);
            json.WriteString("content", name);
            json.WriteBoolean("special", true);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WritePropertyName("pre_tokenizer");
        json.WriteRawValue(
            $$"""
            {"type":"Sequence","pretokenizers":[
              {"type":"Split","pattern":{"Regex":{{JsonSerializer.Serialize(pattern)}}},"behavior":"Isolated","invert":false},
              {"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]}
            """);
    }

    private static IEnumerable<(int Left, int Right)> Merges(TokenTable table)
    {
        for (var id = 0; id < table.Limit; id++)
        {
            var token = table.BytesOf(id);
            var splits = Enumerable.Range(1, Math.Max(0, token.Length - 1))
                .Select(at => (Left: table.Find(token.Span[..at]), Right: table.Find(token.Span[at..])))
                .Where(split => split.Left >= 0 && split.Right >= 0)
                .Order();
            foreach (var split in splits)
            {
                yield return split;
            }
        }
    }

    private static string Spell(TokenTable table, int id) => ByteLevelAlphabet.Spell(table.BytesOf(id).Span);
}
