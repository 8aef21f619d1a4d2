using System.Text.Json;

namespace GuardSharp.Tokenization;

/// <summary>Reads <c>model.vocab</c> and <c>model.merges</c> of a <c>tokenizer.json</c> without making a string of every token.</summary>
/// <param name="file">For messages.</param>
/// <param name="specials">The added tokens; the vocabulary may repeat them.</param>
internal sealed class VocabularyReader(string file, Dictionary<string, int> specials)
{
    private byte[] _utf8 = new byte[512];
    private byte[] _bytes = new byte[512];

    /// <summary>Reads <c>{"token": id, ...}</c>.</summary>
    public TokenTable ReadTokens(ReadOnlySpan<byte> json)
    {
        const int AverageEntryBytes = 16;
        var builder = new TokenTable.Builder(file, json.Length / AverageEntryBytes);
        var specialIds = specials.Values.ToHashSet();
        var reader = new Utf8JsonReader(json);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new CheckpointException($"{file}: \"model.vocab\" is no object of tokens and ids.");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var nameReader = reader;
            reader.Read();
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out var id))
            {
                throw new CheckpointException($"{file}: \"model.vocab\" gives \"{nameReader.GetString()}\" no whole number as its id.");
            }

            if (specialIds.Contains(id))
            {
                if (!specials.TryGetValue(nameReader.GetString()!, out var specialId) || specialId != id)
                {
                    throw new CheckpointException($"{file}: the id {id} belongs to \"{nameReader.GetString()}\" in \"model.vocab\" and to another token in \"added_tokens\".");
                }

                continue;
            }

            var count = Decode(ref nameReader, 0);
            builder.Add(id, _bytes.AsSpan(0, count));
        }

        return builder.Build();
    }

    /// <summary>Reads <c>["a b", ...]</c> or <c>[["a", "b"], ...]</c>.</summary>
    public MergeTable ReadMerges(ReadOnlySpan<byte> json, TokenTable tokens)
    {
        var merges = new List<(int Left, int Right, int Merged)>(tokens.Count);
        var reader = new Utf8JsonReader(json);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new CheckpointException($"{file}: \"model.merges\" is no array.");
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var (left, all) = reader.TokenType == JsonTokenType.StartArray ? ReadPair(ref reader, merges.Count) : ReadJoined(ref reader, merges.Count);
            var token = _bytes.AsSpan(0, all);
            var merge = (tokens.Find(token[..left]), tokens.Find(token[left..]), tokens.Find(token));
            merges.Add(merge is ( >= 0, >= 0, >= 0) ? merge : throw new CheckpointException(
                $"{file}: \"model.merges\"[{merges.Count}] joins or makes a token that \"model.vocab\" lacks. Are both of the same tokenizer?"));
        }

        return new MergeTable(file, merges);
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
