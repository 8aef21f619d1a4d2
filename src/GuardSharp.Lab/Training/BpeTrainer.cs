using System.Runtime.InteropServices;
using GuardSharp.Tokenization;

namespace GuardSharp.Lab.Training;

/// <summary>What a tokenizer is learned for.</summary>
/// <param name="Size">Number of ids, the special ones included.</param>
/// <param name="Specials">Names of the special tokens; their ids follow the ordinary ones in this order.</param>
/// <param name="WholeWords">Pieces that must be single tokens, such as "safe" and " safe"; each must be one piece of <see cref="SplitPattern.Llama4"/>.</param>
/// <param name="MaxTokenBytes">No token is longer.</param>
internal sealed record BpeTrainerOptions(int Size, IReadOnlyList<string> Specials, IReadOnlyList<string> WholeWords, int MaxTokenBytes = 32)
{
    /// <summary>What guardsharp-tiny needs: the specials of its prompt and the words of its template and answer.</summary>
    public static BpeTrainerOptions ForGuard(int size) => new(
        size,
        [
            "<|begin_of_text|>", "<|end_of_text|>", "<|eot|>", "<|user|>", "<|agent|>", "<|image_start|>", "<|image_end|>",
            "<|tile_x_separator|>", "<|tile_y_separator|>", "<|image|>", "<|patch|>", "<|finetune_right_pad|>",
        ],
        ["safe", " safe", "unsafe", " unsafe", "User", " User", "Agent", " Agent"]);
}

/// <summary>A learned byte-level BPE.</summary>
/// <param name="Tokens">Bytes of each ordinary token, by id: the 256 bytes first, then those that merges make.</param>
/// <param name="Merges">Ids of the joined pairs, highest priority first.</param>
/// <param name="Specials">Names of the special tokens; the first has the id Tokens.Count.</param>
internal sealed record LearnedBpe(IReadOnlyList<byte[]> Tokens, IReadOnlyList<(int Left, int Right)> Merges, IReadOnlyList<string> Specials);

/// <summary>Learns a byte-level BPE (arXiv:1508.07909) within the pieces of the Llama 4 split pattern. The same texts give the same tokens.</summary>
internal static class BpeTrainer
{
    /// <summary>Learns.</summary>
    /// <param name="texts">Read once.</param>
    /// <param name="options">Size and the tokens that must exist.</param>
    /// <returns>At most <c>options.Size</c> ids; fewer if the texts hold too few different pairs.</returns>
    /// <exception cref="ArgumentException">The size is too small, or a whole word is more than one piece.</exception>
    public static LearnedBpe Learn(IEnumerable<string> texts, BpeTrainerOptions options)
    {
        var ordinary = options.Size - options.Specials.Count;
        var splitter = new Llama4Splitter();
        foreach (var word in options.WholeWords)
        {
            if (word.Length == 0 || splitter.End(word, 0) != word.Length)
            {
                throw new ArgumentException($"The whole word \"{word}\" is more than one piece of the split pattern, so no token can hold it.", nameof(options));
            }
        }

        var learned = new PairLearner(CountPieces(texts, splitter), options.MaxTokenBytes).Learn(ordinary);

        // The last merges make room for those that the whole words still need.
        for (var count = learned.Merges.Count; count >= 0; count--)
        {
            var merges = learned.First(count);
            foreach (var word in options.WholeWords)
            {
                merges.AddWholeWord(word);
            }

            if (merges.Tokens.Count <= ordinary)
            {
                return new LearnedBpe(merges.Tokens, merges.Merges, options.Specials);
            }
        }

        throw new ArgumentException(
            $"{options.Size} ids do not hold 256 bytes, {options.Specials.Count} special tokens and the tokens of {options.WholeWords.Count} whole words.", nameof(options));
    }

    private static Dictionary<string, long> CountPieces(IEnumerable<string> texts, Llama4Splitter splitter)
    {
        var counts = new Dictionary<string, long>();
        var lookup = counts.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var text in texts)
        {
            for (var start = 0; start < text.Length;)
            {
                var end = splitter.End(text, start);
                CollectionsMarshal.GetValueRefOrAddDefault(lookup, text.AsSpan(start, end - start), out _)++;
                start = end;
            }
        }

        return counts;
    }
}
