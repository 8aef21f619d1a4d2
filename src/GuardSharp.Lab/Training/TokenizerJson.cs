using System.Text.Encodings.Web;
using System.Text.Json;
using GuardSharp.Tokenization;

namespace GuardSharp.Lab.Training;

/// <summary>Writes a learned BPE as Hugging Face's <c>tokenizer.json</c>, which <see cref="TokenizerFile"/> and the tokenizers library read.</summary>
internal static class TokenizerJson
{
    /// <summary>Writes the file: first a temporary one beside it, then the rename.</summary>
    public static void Write(LearnedBpe bpe, string path)
    {
        var temporary = path + ".tmp";
        using (var stream = File.Create(temporary))
        {
            // The stand-ins of bytes are letters of European languages: readable as they are.
            using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
            Write(bpe, json);
        }

        File.Move(temporary, path, overwrite: true);
    }

    private static void Write(LearnedBpe bpe, Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("version", "1.0");
        json.WriteNull("truncation");
        json.WriteNull("padding");
        WriteSpecials(bpe, json);
        json.WriteNull("normalizer");
        json.WritePropertyName("pre_tokenizer");
        WritePreTokenizer(json);
        json.WriteNull("post_processor");
        json.WritePropertyName("decoder");
        WriteByteLevel(json);
        WriteModel(bpe, json);
        json.WriteEndObject();
    }

    private static void WriteSpecials(LearnedBpe bpe, Utf8JsonWriter json)
    {
        json.WriteStartArray("added_tokens");
        for (var i = 0; i < bpe.Specials.Count; i++)
        {
            json.WriteStartObject();
            json.WriteNumber("id", bpe.Tokens.Count + i);
            json.WriteString("content", bpe.Specials[i]);
            json.WriteBoolean("single_word", false);
            json.WriteBoolean("lstrip", false);
            json.WriteBoolean("rstrip", false);
            json.WriteBoolean("normalized", false);
            json.WriteBoolean("special", true);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WritePreTokenizer(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "Sequence");
        json.WriteStartArray("pretokenizers");
        json.WriteStartObject();
        json.WriteString("type", "Split");
        json.WriteStartObject("pattern");
        json.WriteString("Regex", SplitPattern.Llama4);
        json.WriteEndObject();
        json.WriteString("behavior", "Isolated");
        json.WriteBoolean("invert", false);
        json.WriteEndObject();
        WriteByteLevel(json);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteByteLevel(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "ByteLevel");
        json.WriteBoolean("add_prefix_space", false);
        json.WriteBoolean("trim_offsets", true);
        json.WriteBoolean("use_regex", false);
        json.WriteEndObject();
    }

    private static void WriteModel(LearnedBpe bpe, Utf8JsonWriter json)
    {
        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        json.WriteNull("dropout");
        json.WriteNull("unk_token");
        json.WriteNull("continuing_subword_prefix");
        json.WriteNull("end_of_word_suffix");
        json.WriteBoolean("fuse_unk", false);
        json.WriteBoolean("byte_fallback", false);
        json.WriteBoolean("ignore_merges", true);
        json.WriteStartObject("vocab");
        for (var id = 0; id < bpe.Tokens.Count; id++)
        {
            json.WriteNumber(ByteLevelAlphabet.Spell(bpe.Tokens[id]), id);
        }

        json.WriteEndObject();
        json.WriteStartArray("merges");
        foreach (var (left, right) in bpe.Merges)
        {
            json.WriteStringValue($"{ByteLevelAlphabet.Spell(bpe.Tokens[left])} {ByteLevelAlphabet.Spell(bpe.Tokens[right])}");
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
