using System.Text.Json;

namespace GuardSharp.Tokenization;

/// <summary>Reads Hugging Face's <c>tokenizer.json</c> as far as a byte-level BPE goes; whatever would change the ids and is not known is an error.</summary>
/// <remarks>The post-processor is not read: it adds begin tokens, which the prompt templates hold themselves. Format: docs of the tokenizers library.</remarks>
/// <param name="file">For messages.</param>
internal sealed class HuggingFaceReader(string file)
{
    private const int MaxId = 1 << 24;

    /// <summary>Reads a whole file.</summary>
    /// <exception cref="CheckpointException">Damaged, contradicting, or of an unknown kind.</exception>
    public BpeTokenizer Read(ReadOnlySpan<byte> json)
    {
        try
        {
            return ReadSections(json);
        }
        catch (JsonException e)
        {
            throw new CheckpointException($"{file}: is no well-formed JSON ({e.Message}). Is the file complete?", e);
        }
    }

    private BpeTokenizer ReadSections(ReadOnlySpan<byte> json)
    {
        var root = Sections(json, "");
        var specials = root.TryGetValue("added_tokens", out var added) ? ReadSpecials(json[added]) : [];
        RefuseNormalizer(root.TryGetValue("normalizer", out var normalizer) ? json[normalizer] : default);
        var splitter = ReadSplitter(root.TryGetValue("pre_tokenizer", out var preTokenizer) ? json[preTokenizer] : "null"u8);

        var modelJson = json[Required(root, "model", "")];
        var model = Sections(modelJson, "model");
        RefuseUnknownModel(modelJson, model);
        var vocabulary = new VocabularyReader(file, specials);
        var tokens = vocabulary.ReadTokens(modelJson[Required(model, "vocab", "model.")]);
        var merges = vocabulary.ReadMerges(modelJson[Required(model, "merges", "model.")], tokens);
        var ignoresMerges = model.TryGetValue("ignore_merges", out var ignore) && modelJson[ignore].SequenceEqual("true"u8);
        var tokenizer = new BpeTokenizer(tokens, merges, specials, new BpeRules(splitter, TakesWholePieces: ignoresMerges, CutsLongRuns: false));
        return tokens.Count + specials.Count == tokenizer.VocabularySize ? tokenizer : throw new CheckpointException(
            $"{file}: {tokens.Count} tokens of \"model.vocab\" and {specials.Count} of \"added_tokens\" have ids up to {tokenizer.VocabularySize - 1}; "
            + "ids go from 0 without gaps. Is the file complete?");
    }

    // Where each member's value stands. Large members are read in place later, in the order that suits us, not the file's.
    private Dictionary<string, Range> Sections(ReadOnlySpan<byte> json, string key)
    {
        var sections = new Dictionary<string, Range>();
        var reader = new Utf8JsonReader(json);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Wrong(key, "is no object");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            sections[name] = start..(int)reader.BytesConsumed;
        }

        reader.Read(); // throws on anything after the end
        return sections;
    }

    private Range Required(Dictionary<string, Range> sections, string name, string parent) =>
        sections.TryGetValue(name, out var range) ? range : throw Wrong(parent + name, "is missing");

    private Dictionary<string, int> ReadSpecials(ReadOnlySpan<byte> json)
    {
        using var document = JsonDocument.Parse(json.ToArray());
        var specials = new Dictionary<string, int>();
        var ids = new HashSet<int>();
        if (document.RootElement.ValueKind != JsonValueKind.Array)
        {
            throw Wrong("added_tokens", "is no array");
        }

        foreach (var token in document.RootElement.EnumerateArray())
        {
            var key = $"added_tokens[{specials.Count}]";
            if (token.ValueKind != JsonValueKind.Object
                || !token.TryGetProperty("id", out var idValue) || idValue.ValueKind != JsonValueKind.Number || !idValue.TryGetInt32(out var id)
                || !token.TryGetProperty("content", out var contentValue) || contentValue.ValueKind != JsonValueKind.String)
            {
                throw Wrong(key, "needs a whole number \"id\" and a string \"content\"");
            }

            var content = contentValue.GetString()!;
            if (!IsTrue(token, "special") || IsTrue(token, "single_word") || IsTrue(token, "lstrip") || IsTrue(token, "rstrip"))
            {
                throw Wrong(key, "is not a plain special token; only \"special\": true without \"single_word\", \"lstrip\" and \"rstrip\" is known");
            }

            if (id is < 0 or >= MaxId || content.Length == 0 || !ids.Add(id) || !specials.TryAdd(content, id))
            {
                throw Wrong(key, $"has an empty or repeated content, or the id {id} is out of range or repeated");
            }
        }

        return specials;
    }

    private void RefuseNormalizer(ReadOnlySpan<byte> json)
    {
        if (json.IsEmpty || json.SequenceEqual("null"u8))
        {
            return;
        }

        using var document = JsonDocument.Parse(json.ToArray());
        var isEmptySequence = TypeOf(document.RootElement) == "Sequence"
            && document.RootElement.TryGetProperty("normalizers", out var parts) && parts.ValueKind == JsonValueKind.Array && parts.GetArrayLength() == 0;
        if (!isEmptySequence)
        {
            throw Wrong("normalizer", $"is of the kind \"{TypeOf(document.RootElement)}\", but Llama tokenizers have none; only null is known");
        }
    }

    // Known: Sequence[Split, ByteLevel without a pattern of its own], or ByteLevel with it.
    private IPieceSplitter ReadSplitter(ReadOnlySpan<byte> json)
    {
        using var document = JsonDocument.Parse(json.ToArray());
        var root = document.RootElement;
        JsonElement[] steps = TypeOf(root) == "Sequence" && root.TryGetProperty("pretokenizers", out var parts) && parts.ValueKind == JsonValueKind.Array
            ? [.. parts.EnumerateArray()]
            : [root];
        var kinds = steps.Select(TypeOf).ToArray();
        var byteLevel = steps.LastOrDefault();
        var hasSplit = kinds is ["Split", "ByteLevel"];
        if (!hasSplit && kinds is not ["ByteLevel"])
        {
            throw Wrong("pre_tokenizer", $"is [{string.Join(", ", kinds)}]; known are [Split, ByteLevel] and [ByteLevel]");
        }

        var ownPattern = !byteLevel.TryGetProperty("use_regex", out _) || IsTrue(byteLevel, "use_regex");
        var addsBlank = !byteLevel.TryGetProperty("add_prefix_space", out _) || IsTrue(byteLevel, "add_prefix_space");
        if (addsBlank || ownPattern == hasSplit)
        {
            throw Wrong("pre_tokenizer", "has a ByteLevel step that is not known: \"add_prefix_space\" must be false, \"use_regex\" true without a Split step and false with one");
        }

        return hasSplit ? ReadSplit(steps[0]) : SplitPattern.For(SplitPattern.Gpt2);
    }

    private IPieceSplitter ReadSplit(JsonElement split)
    {
        const string key = "pre_tokenizer.pretokenizers[0]";
        var behavior = split.TryGetProperty("behavior", out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        if (behavior != "Isolated")
        {
            throw Wrong(key + ".behavior", $"is \"{behavior}\"; only \"Isolated\" is known");
        }

        if (!split.TryGetProperty("pattern", out var pattern) || pattern.ValueKind != JsonValueKind.Object
            || !pattern.TryGetProperty("Regex", out var regex) || regex.ValueKind != JsonValueKind.String)
        {
            throw Wrong(key + ".pattern", "holds no \"Regex\"");
        }

        try
        {
            return SplitPattern.For(regex.GetString()!);
        }
        catch (ArgumentException e)
        {
            throw new CheckpointException($"{file}: \"{key}.pattern.Regex\" is no regular expression of .NET: {e.Message}", e);
        }
    }

    private void RefuseUnknownModel(ReadOnlySpan<byte> json, Dictionary<string, Range> model)
    {
        foreach (var (key, range) in model)
        {
            var value = json[range];
            var isUnset = value.SequenceEqual("null"u8) || value.SequenceEqual("\"\""u8) || value.SequenceEqual("0.0"u8) || value.SequenceEqual("0"u8);
            switch (key)
            {
                case "type" when !value.SequenceEqual("\"BPE\""u8):
                    throw Wrong("model.type", $"is {System.Text.Encoding.UTF8.GetString(value)}; only \"BPE\" is known");
                case "dropout" or "continuing_subword_prefix" or "end_of_word_suffix" when !isUnset:
                    throw Wrong("model." + key, "is set; only null is known");
                default:
                    break;
            }
        }
    }

    private static bool IsTrue(JsonElement parent, string name) => parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;

    private static string TypeOf(JsonElement element) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String
            ? type.GetString()!
            : element.ValueKind.ToString();

    private CheckpointException Wrong(string key, string what) => new($"{file}: \"{key}\" {what}. Was this file written for another kind of model?");
}
