using System.Text;
using GuardSharp.Tokenization;
using static TorchSharp.torch;

namespace GuardSharp.Lab.Training.Pretrained;

/// <summary>
/// First embeddings of a tokenizer's tokens, out of pretrained vectors of English words: a token that is a word takes the word's, a piece of
/// words the mean of the words it stands in. What has no such words starts at random.
/// </summary>
/// <remarks>GloVe and the piece vectors of USE-lite side by side, each scaled to the same spread, brought to the model's width by their principal axes.</remarks>
internal sealed class EmbeddingComposer(ITokenizer tokenizer, UseLiteEncoder useLite, string gloveFile)
{
    private const int Width = GloveVectors.Size + UseLiteEncoder.PieceSize;

    /// <summary>A word must stand this often in the texts to shape the tokens it is cut into.</summary>
    private const int MinCount = 2;

    /// <summary>The table [tokens, columns].</summary>
    /// <param name="texts">English texts: they say which words a piece of a word stands in.</param>
    /// <param name="columns">The model's width.</param>
    /// <param name="deviation">Standard deviation of the result.</param>
    /// <param name="seed">Seed of what starts at random.</param>
    /// <returns>The table, and for each token whether it has pretrained vectors.</returns>
    public (Tensor Table, bool[] Known) Compose(IEnumerable<string> texts, int columns, double deviation, int seed)
    {
        using var scope = NewDisposeScope();
        var words = CountWords(texts);
        var glove = GloveVectors.Read(gloveFile, words.Keys.Select(word => word.TrimStart().ToLowerInvariant()).ToHashSet());
        var (sums, weights) = Collect(words, glove);
        var known = weights.Select(weight => weight > 0).ToArray();
        var rows = known.Index().Where(entry => entry.Item).Select(entry => (long)entry.Index).ToArray();
        var block = new float[rows.Length * Width];
        for (var row = 0; row < rows.Length; row++)
        {
            for (var column = 0; column < Width; column++)
                block[(row * Width) + column] = sums[rows[row]][column] / weights[rows[row]];
        }

        var axes = Project(tensor(block, [rows.Length, Width]), columns);
        var table = randn([known.Length, columns], generator: new Generator((ulong)seed));
        table.index_copy_(0, tensor(rows), axes);
        return ((table * deviation).MoveToOuterDisposeScope(), known);
    }

    /// <summary>Columns of each source to spread 1, then the principal axes, each row scaled to the mean length of all.</summary>
    private static Tensor Project(Tensor block, int columns)
    {
        var parts = block.split([GloveVectors.Size, UseLiteEncoder.PieceSize], 1).Select(part => (part - part.mean([0])) / part.std()).ToArray();
        var joined = cat(parts, 1);
        var covariance = nn.functional.linear(joined.t(), joined.t()) / joined.shape[0];
        var (_, vectors) = linalg.eigh(covariance);
        var axes = nn.functional.linear(joined, vectors.narrow(1, Width - columns, columns).t());
        // Rare words have short vectors and common ones long: lengths half-way to equal keep both readable after the first norm.
        var length = axes.norm(1, keepdim: true);
        axes = axes / (length + 1e-6).sqrt();
        return axes / axes.std();
    }

    private static Dictionary<string, int> CountWords(IEnumerable<string> texts)
    {
        var words = new Dictionary<string, int>();
        foreach (var text in texts)
        {
            foreach (var word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                var plain = word.Trim('.', ',', '?', '!', '"', '\'', ':', ';', '(', ')');
                if (plain.Length is > 0 and < 24)
                    words[" " + plain] = words.GetValueOrDefault(" " + plain) + 1;
            }
        }

        return words.Where(pair => pair.Value >= MinCount).ToDictionary();
    }

    /// <summary>Sums of word vectors per token. A token that is the whole word counts as a thousand words that it is a piece of.</summary>
    private (float[][] Sums, float[] Weights) Collect(Dictionary<string, int> words, Dictionary<string, float[]> glove)
    {
        var sums = Enumerable.Range(0, tokenizer.VocabularySize).Select(_ => new float[Width]).ToArray();
        var weights = new float[sums.Length];
        var ids = new List<int>();
        void Add(string word, float weight)
        {
            if (Vector(word, glove) is not { } vector)
                return;
            ids.Clear();
            tokenizer.Encode(word, ids);
            foreach (var id in ids)
            {
                var share = ids.Count == 1 ? 1000 * weight : weight / ids.Count;
                weights[id] += share;
                for (var column = 0; column < Width; column++)
                    sums[id][column] += share * vector[column];
            }
        }

        foreach (var (word, count) in words)
        {
            Add(word, MathF.Sqrt(count));
            Add(word.TrimStart(), MathF.Sqrt(count));
        }

        // Tokens that are words but rare in the texts.
        for (var id = 0; id < sums.Length; id++)
        {
            if (weights[id] == 0 && Spelling(id) is { } spelling && spelling.Trim().Length > 1 && spelling.Trim().All(char.IsAsciiLetter) && spelling[0] == ' ')
                Add(spelling, 1);
        }

        return (sums, weights);
    }

    private string? Spelling(int id)
    {
        try
        {
            return new UTF8Encoding(false, true).GetString(tokenizer.BytesOf(id).Span);
        }
        catch (DecoderFallbackException)
        {
            return null; // a piece of a letter
        }
    }

    private float[]? Vector(string word, Dictionary<string, float[]> glove)
    {
        var plain = word.Trim();
        var pieces = useLite.Pieces(plain).Where(piece => piece != 0).ToList();
        glove.TryGetValue(plain.ToLowerInvariant(), out var gloveVector);
        if (pieces.Count == 0 || (gloveVector is null && pieces.Count > 2))
            return null;

        var vector = new float[Width];
        gloveVector?.CopyTo(vector, 0);
        foreach (var piece in pieces)
        {
            for (var column = 0; column < UseLiteEncoder.PieceSize; column++)
                vector[GloveVectors.Size + column] += useLite.PieceTable[(piece * UseLiteEncoder.PieceSize) + column] / pieces.Count;
        }

        return vector;
    }
}
