using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace GuardSharp.Tokenization;

/// <summary>Writes a tokenizer of a published size that is not Meta's: our own merges, filled up to the true number of tokens, the special tokens at their true ids.</summary>
/// <remarks>Meta's tokenizer files may not be redistributed. Ids of ordinary text differ from theirs; its length in tokens is about a third larger.</remarks>
internal static class SyntheticTokenizer
{
    /// <summary>The special tokens of Llama 4.</summary>
    public static (int Ordinary, IReadOnlyDictionary<string, int> Specials) Llama4 => (SpecialTokens.Llama4Ordinary, SpecialTokens.Llama4());

    /// <summary>The special tokens of Llama 3.</summary>
    public static (int Ordinary, IReadOnlyDictionary<string, int> Specials) Llama3 => (SpecialTokens.Llama3Ordinary, SpecialTokens.Llama3());

    /// <summary>Those of Llama 3.2 Vision as its tokenizer.json has them: the image token stands behind all others (model note M9).</summary>
    public static (int Ordinary, IReadOnlyDictionary<string, int> Specials) Llama3Vision
    {
        get
        {
            var specials = SpecialTokens.Llama3();
            specials.Remove("<|image|>", out var reserved);
            specials.Add("<|reserved_special_token_246|>", reserved);
            specials.Add("<|image|>", SpecialTokens.Llama3Ordinary + 256);
            return (SpecialTokens.Llama3Ordinary, specials);
        }
    }

    /// <summary>Writes a tokenizer.json.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="basis">A byte-level tokenizer.json whose merges are used.</param>
    /// <param name="ordinary">Number of ordinary tokens; the special ones follow.</param>
    /// <param name="specials">Names and ids of the special tokens, ids from <paramref name="ordinary"/> on.</param>
    /// <exception cref="CheckpointException">The basis has more tokens than asked for.</exception>
    public static void Write(Stream output, ReadOnlyMemory<byte> basis, int ordinary, IReadOnlyDictionary<string, int> specials)
    {
        using var document = JsonDocument.Parse(basis);
        var model = document.RootElement.GetProperty("model");
        var count = model.GetProperty("vocab").EnumerateObject().Count();
        if (count > ordinary)
        {
            throw new CheckpointException($"The basis has {count} tokens, but only {ordinary} are wanted. Use a smaller one.");
        }

        using var json = new Utf8JsonWriter(output, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        json.WriteStartObject();
        foreach (var property in document.RootElement.EnumerateObject())
        {
            switch (property.Name)
            {
                case "added_tokens":
                    WriteSpecials(json, specials);
                    break;
                case "model":
                    WriteModel(json, model, count, ordinary);
                    break;
                default:
                    property.WriteTo(json);
                    break;
            }
        }

        json.WriteEndObject();
    }

    private static void WriteSpecials(Utf8JsonWriter json, IReadOnlyDictionary<string, int> specials)
    {
        json.WriteStartArray("added_tokens");
        foreach (var (name, id) in specials.OrderBy(pair => pair.Value))
        {
            json.WriteStartObject();
            json.WriteNumber("id", id);
            json.WriteString("content", name);
            foreach (var flag in (string[])["single_word", "lstrip", "rstrip", "normalized"])
            {
                json.WriteBoolean(flag, false);
            }

            json.WriteBoolean("special", true);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteModel(Utf8JsonWriter json, JsonElement model, int count, int ordinary)
    {
        json.WriteStartObject("model");
        foreach (var property in model.EnumerateObject())
        {
            if (property.Name != "vocab")
            {
                property.WriteTo(json);
                continue;
            }

            json.WriteStartObject("vocab");
            foreach (var token in property.Value.EnumerateObject())
            {
                token.WriteTo(json);
            }

            // The byte 0xFF is no part of any UTF-8, so no text holds a filler.
            for (var id = count; id < ordinary; id++)
            {
                json.WriteNumber(ByteLevelAlphabet.Spell([0xFF, .. Encoding.ASCII.GetBytes(id.ToString(CultureInfo.InvariantCulture))]), id);
            }

            json.WriteEndObject();
        }

        json.WriteEndObject();
    }
}
