using System.Text.Json;

namespace GuardSharp.Tokenization;

/// <summary>Reads the <c>model</c> of a <c>tokenizer.json</c> without making a string of every token.</summary>
/// <param name="file">For messages.</param>
/// <param name="specials">The added tokens; the vocabulary may repeat them.</param>
internal sealed class VocabularyReader(string file, Dictionary<string, int> specials)
{
    private byte[] _utf8 = new byte[512];
    private byte[] _bytes = new byte[512];
    private TokenTable? _tokens;
    private MergeTable? _merges;

    /// <summary>A piece that is in the vocabulary is taken whole.</summary>
    public bool IgnoresMerges { get; private set; }

    /// <summary>Reads the object that the reader stands at.</summary>
    /// <param name="json">What the reader reads.</param>
    /// <param name="reader">Ends at the object's end.</param>
    /// <exception cref="CheckpointException">Damaged, contradicting, or not a byte-level BPE.</exception>
    public void ReadModel(ReadOnlySpan<byte> json, ref Utf8JsonReader reader)
    {
        var mergesStart = -1;
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Wrong("model", "is no object");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            switch (name)
            {
                case "vocab":
                    _tokens = ReadTokens(ref reader, json.Length);
                    break;
                case "merges" when _tokens is not null:
                    _merges = ReadMerges(ref reader, _tokens);
                    break;
                case "merges":
                    mergesStart = (int)reader.TokenStartIndex; // read when the tokens are known
                    reader.Skip();
                    break;
                default:
                    ReadSetting(name, ref reader);
                    break;
            }
        }

        if (_merges is null && _tokens is not null && mergesStart >= 0)
        {
            var late = new Utf8JsonReader(json[mergesStart..]);
            late.Read();
            _merges = ReadMerges(ref late, _tokens);
        }
    }

    /// <summary>Joins what was read.</summary>
    public BpeTokenizer Build(BpeRules rules)
    {
        var tokens = _tokens ?? throw Wrong("model.vocab", "is missing");
        var merges = _merges ?? throw Wrong("model.merges", "is missing");
        var tokenizer = new BpeTokenizer(tokens, merges, specials, rules);
        return tokens.Count + specials.Count == tokenizer.VocabularySize ? tokenizer : throw new CheckpointException(
            $"{file}: {tokens.Count} tokens of \"model.vocab\" and {specials.Count} of \"added_tokens\" have ids up to {tokenizer.VocabularySize - 1}; "
            + "ids go from 0 without gaps. Is the file complete?");
    }

    private void ReadSetting(string name, ref Utf8JsonReader reader)
    {
        switch (name)
        {
            case "type" when reader.TokenType != JsonTokenType.String || !reader.ValueTextEquals("BPE"u8):
                throw Wrong("model.type", "is not \"BPE\", the only known kind");
            case "dropout" or "continuing_subword_prefix" or "end_of_word_suffix" when !IsUnset(reader):
                throw Wrong("model." + name, "is set; only null is known");
            case "ignore_merges":
                IgnoresMerges = reader.TokenType == JsonTokenType.True;
                break;
            default:
                // What is left concerns unknown characters, and a byte-level vocabulary has none.
                break;
        }

        reader.Skip();
    }

    private static bool IsUnset(Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.Null => true,
        JsonTokenType.String => reader.ValueSpan.IsEmpty,
        JsonTokenType.Number => reader.TryGetDouble(out var value) && value == 0,
        _ => false,
    };

    // {"token": id, ...}
    private TokenTable ReadTokens(ref Utf8JsonReader reader, int jsonLength)
    {
        const int AverageEntryBytes = 32; // of the model: an entry here and its merge
        var builder = new TokenTable.Builder(file, jsonLength / AverageEntryBytes);
        var specialIds = new Dictionary<int, string>(specials.Count);
        foreach (var (name, id) in specials)
        {
            specialIds.Add(id, name);
        }

        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Wrong("model.vocab", "is no object of tokens and ids");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var nameReader = reader;
            reader.Read();
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out var id))
            {
                throw new CheckpointException($"{file}: \"model.vocab\" gives \"{nameReader.GetString()}\" no whole number as its id.");
            }

            if (specialIds.TryGetValue(id, out var special))
            {
                if (nameReader.GetString() != special)
                {
                    throw new CheckpointException($"{file}: the id {id} belongs to \"{nameReader.GetString()}\" in \"model.vocab\" and to \"{special}\" in \"added_tokens\".");
                }

                continue;
            }

            var count = Decode(ref nameReader, 0);
            builder.Add(id, _bytes.AsSpan(0, count));
        }

        return builder.Build();
    }

    // ["a b", ...] or [["a", "b"], ...]
    private MergeTable ReadMerges(ref Utf8JsonReader reader, TokenTable tokens)
    {
        var merges = new MergeTable(file);
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw Wrong("model.merges", "is no array");
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var (left, all) = reader.TokenType == JsonTokenType.StartArray ? ReadPair(ref reader, merges.Count) : ReadJoined(ref reader, merges.Count);
            var token = _bytes.AsSpan(0, all);
            var (leftId, rightId, merged) = (tokens.Find(token[..left]), tokens.Find(token[left..]), tokens.Find(token));
            if (leftId < 0 || rightId < 0 || merged < 0)
            {
                throw new CheckpointException(
                    $"{file}: \"model.merges\"[{merges.Count}] joins or makes a token that \"model.vocab\" lacks. Are both of the same tokenizer?");
            }

            merges.Add(leftId, rightId, merged);
        }

        return merges;
    }

    private (int Left, int All) ReadPair(ref Utf8JsonReader reader, int index)
    {
        reader.Read();
        var left = Decode(ref reader, 0);
        reader.Read();
        var all = left + Decode(ref reader, left);
        reader.Read();
        return reader.TokenType == JsonTokenType.EndArray ? (left, all) : throw WrongMerge(index);
    }

    private (int Left, int All) ReadJoined(ref Utf8JsonReader reader, int index)
    {
        var text = Unescape(ref reader);
        var blank = text.IndexOf((byte)' ');
        if (blank < 0)
        {
            throw WrongMerge(index);
        }

        EnsureRoom(ref _bytes, text.Length);
        var left = Convert(text[..blank], 0);
        return (left, left + Convert(text[(blank + 1)..], left));
    }

    // The bytes that a string stands for go to _bytes from an offset.
    private int Decode(ref Utf8JsonReader reader, int offset)
    {
        var text = Unescape(ref reader);
        EnsureRoom(ref _bytes, offset + text.Length);
        return Convert(text, offset);
    }

    private int Convert(ReadOnlySpan<byte> text, int offset)
    {
        var count = ByteLevelAlphabet.ToBytes(text, _bytes.AsSpan(offset));
        return count >= 0 ? count : throw new CheckpointException(
            $"{file}: the token \"{System.Text.Encoding.UTF8.GetString(text)}\" holds a character outside the byte-level alphabet. Is this a byte-level BPE?");
    }

    private ReadOnlySpan<byte> Unescape(ref Utf8JsonReader reader)
    {
        if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName))
        {
            throw new CheckpointException($"{file}: \"model\" holds a {reader.TokenType} where a token is due.");
        }

        if (!reader.ValueIsEscaped)
        {
            return reader.ValueSpan;
        }

        EnsureRoom(ref _utf8, reader.ValueSpan.Length);
        return _utf8.AsSpan(0, reader.CopyString(_utf8));
    }

    private CheckpointException Wrong(string key, string what) => new($"{file}: \"{key}\" {what}. Was this file written for another kind of model?");

    private CheckpointException WrongMerge(int index) =>
        new($"{file}: \"model.merges\"[{index}] is neither \"a b\" nor [\"a\", \"b\"]. The file is damaged.");

    private static void EnsureRoom(ref byte[] buffer, int length)
    {
        if (buffer.Length < length)
        {
            Array.Resize(ref buffer, 2 * length);
        }
    }
}
