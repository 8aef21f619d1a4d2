using System.Text.Json;

namespace GuardSharp.Tokenization;

/// <summary>Reads Hugging Face's <c>tokenizer.json</c> as far as a byte-level BPE goes; whatever would change the ids and is not known is an error.</summary>
/// <remarks>The post-processor is not read: it adds begin tokens, which the prompt templates hold themselves. Format: docs of the tokenizers library.</remarks>
/// <param name="file">For messages.</param>
internal sealed class HuggingFaceReader(string file)
{
    private const string KnownSteps = "known are a Sequence of Split and ByteLevel, and ByteLevel alone";

    private Dictionary<string, int>? _specials;
    private IPieceSplitter? _splitter;

    /// <summary>Reads a whole file.</summary>
    /// <exception cref="CheckpointException">Damaged, contradicting, or of an unknown kind.</exception>
    public BpeTokenizer Read(ReadOnlySpan<byte> json)
    {
        try
        {
            var vocabulary = ReadRoot(json);
            var splitter = _splitter ?? throw Wrong("pre_tokenizer", "is missing");
            return vocabulary.Build(new BpeRules(splitter, TakesWholePieces: vocabulary.IgnoresMerges, CutsLongRuns: false));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // The reader's InvalidOperationException: a string that is no Unicode, such as half a surrogate pair.
            throw new CheckpointException($"{file}: is no well-formed JSON ({e.Message}). Is the file complete?", e);
        }
    }

    private VocabularyReader ReadRoot(ReadOnlySpan<byte> json)
    {
        VocabularyReader? vocabulary = null;
        var modelStart = -1;
        var reader = new Utf8JsonReader(json);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Wrong("", "is no object");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            reader.Read();
            switch (name)
            {
                case "added_tokens":
                    _specials = ReadSpecials(ref reader);
                    break;
                case "normalizer":
                    RefuseNormalizer(ref reader);
                    break;
                case "pre_tokenizer":
                    _splitter = ReadSplitter(ref reader);
                    break;
                case "model" when _specials is not null:
                    vocabulary = new VocabularyReader(file, _specials);
                    vocabulary.ReadModel(json, ref reader);
                    break;
                case "model":
                    modelStart = (int)reader.TokenStartIndex; // read when the added tokens are known
                    reader.Skip();
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        reader.Read(); // throws on anything after the end
        return vocabulary ?? ReadLate(json, modelStart);
    }

    private VocabularyReader ReadLate(ReadOnlySpan<byte> json, int modelStart)
    {
        if (modelStart < 0)
        {
            throw Wrong("model", "is missing");
        }

        var vocabulary = new VocabularyReader(file, _specials ?? []);
        var reader = new Utf8JsonReader(json[modelStart..]);
        reader.Read();
        vocabulary.ReadModel(json[modelStart..], ref reader);
        return vocabulary;
    }

    private Dictionary<string, int> ReadSpecials(ref Utf8JsonReader reader)
    {
        using var document = JsonDocument.ParseValue(ref reader);
        var specials = new Dictionary<string, int>();
        var ids = new Dictionary<int, string>();
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

            if (id is < 0 or >= TokenTable.MaxTokens || content.Length == 0 || !ids.TryAdd(id, content) || !specials.TryAdd(content, id))
            {
                throw Wrong(key, $"has an empty or repeated content, or the id {id} is out of range or repeated");
            }
        }

        return specials;
    }

    private void RefuseNormalizer(ref Utf8JsonReader reader)
    {
        using var document = JsonDocument.ParseValue(ref reader);
        var isEmptySequence = TypeOf(document.RootElement) == "Sequence"
            && document.RootElement.TryGetProperty("normalizers", out var parts) && parts.ValueKind == JsonValueKind.Array && parts.GetArrayLength() == 0;
        if (!isEmptySequence && document.RootElement.ValueKind != JsonValueKind.Null)
        {
            throw Wrong("normalizer", $"is of the kind \"{TypeOf(document.RootElement)}\", but Llama tokenizers have none; only null is known");
        }
    }

    // Known: Sequence[Split, ByteLevel without a pattern of its own], or ByteLevel with it.
    private IPieceSplitter ReadSplitter(ref Utf8JsonReader reader)
    {
        using var document = JsonDocument.ParseValue(ref reader);
        var (split, byteLevel) = (default(JsonElement), document.RootElement);
        var hasSplit = TypeOf(byteLevel) == "Sequence";
        if (hasSplit)
        {
            if (!byteLevel.TryGetProperty("pretokenizers", out var steps) || steps.ValueKind != JsonValueKind.Array
                || steps.GetArrayLength() != 2 || TypeOf(steps[0]) != "Split")
            {
                throw Wrong("pre_tokenizer.pretokenizers", KnownSteps);
            }

            (split, byteLevel) = (steps[0], steps[1]);
        }

        if (TypeOf(byteLevel) != "ByteLevel")
        {
            throw Wrong("pre_tokenizer", $"ends in a step of the kind \"{TypeOf(byteLevel)}\"; " + KnownSteps);
        }

        var ownPattern = !byteLevel.TryGetProperty("use_regex", out _) || IsTrue(byteLevel, "use_regex");
        var addsBlank = !byteLevel.TryGetProperty("add_prefix_space", out _) || IsTrue(byteLevel, "add_prefix_space");
        if (addsBlank || ownPattern == hasSplit)
        {
            throw Wrong("pre_tokenizer", "has a ByteLevel step that is not known: \"add_prefix_space\" must be false, \"use_regex\" true without a Split step and false with one");
        }

        return hasSplit ? ReadSplit(split) : SplitPattern.For(SplitPattern.Gpt2);
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

    private static bool IsTrue(JsonElement parent, string name) => parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;

    private static string TypeOf(JsonElement element) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String
            ? type.GetString()!
            : element.ValueKind.ToString();

    private CheckpointException Wrong(string key, string what) => new($"{file}: \"{key}\" {what}. Was this file written for another kind of model?");
}
