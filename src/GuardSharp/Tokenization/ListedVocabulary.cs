using System.Text;

namespace GuardSharp.Tokenization;

/// <summary>Builds a Llama 3 tokenizer from lists of tokens and merges, as GGUF files hold them: in the byte-level alphabet, ids in order.</summary>
internal static class ListedVocabulary
{
    /// <summary>Builds the tokenizer. Pieces that are a token are taken whole, as Llama 3's are.</summary>
    /// <param name="file">For messages.</param>
    /// <param name="tokens">UTF-8 of every token, by id.</param>
    /// <param name="special">Which of them are special; as many.</param>
    /// <param name="merges">UTF-8 of <c>left right</c>, highest priority first.</param>
    /// <exception cref="CheckpointException">Damaged or contradicting lists.</exception>
    public static BpeTokenizer Build(
        string file, IReadOnlyList<ReadOnlyMemory<byte>> tokens, bool[] special, IReadOnlyList<ReadOnlyMemory<byte>> merges)
    {
        var builder = new TokenTable.Builder(file, tokens.Count);
        var specials = new Dictionary<string, int>();
        for (var id = 0; id < tokens.Count; id++)
        {
            if (!special[id])
            {
                builder.Add(id, Bytes(file, tokens[id].Span));
            }
            else if (!specials.TryAdd(Encoding.UTF8.GetString(tokens[id].Span), id) || tokens[id].IsEmpty)
            {
                throw new CheckpointException($"{file}: the special token {id} is empty or stands twice. The file is damaged.");
            }
        }

        var table = builder.Build();
        return new BpeTokenizer(table, Merges(file, merges, table), specials, new BpeRules(new Llama3Splitter(), TakesWholePieces: true, CutsLongRuns: false));
    }

    private static MergeTable Merges(string file, IReadOnlyList<ReadOnlyMemory<byte>> merges, TokenTable tokens)
    {
        var table = new MergeTable(file);
        for (var i = 0; i < merges.Count; i++)
        {
            var text = merges[i].Span;
            var blank = text.IndexOf((byte)' ');
            if (blank < 0)
            {
                throw new CheckpointException($"{file}: merge {i} is no pair \"a b\". The file is damaged.");
            }

            var (left, right) = (Bytes(file, text[..blank]), Bytes(file, text[(blank + 1)..]));
            var (leftId, rightId, merged) = (tokens.Find(left), tokens.Find(right), tokens.Find([.. left, .. right]));
            if (leftId < 0 || rightId < 0 || merged < 0)
            {
                throw new CheckpointException($"{file}: merge {i} joins or makes a token that the vocabulary lacks. The file is damaged.");
            }

            table.Add(leftId, rightId, merged);
        }

        return table;
    }

    private static byte[] Bytes(string file, ReadOnlySpan<byte> text)
    {
        var bytes = new byte[text.Length];
        var count = ByteLevelAlphabet.ToBytes(text, bytes);
        return count >= 0 ? bytes[..count] : throw new CheckpointException(
            $"{file}: the token \"{Encoding.UTF8.GetString(text)}\" holds a character outside the byte-level alphabet. Is this a byte-level BPE?");
    }
}
