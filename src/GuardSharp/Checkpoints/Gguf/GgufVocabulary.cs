namespace GuardSharp.Checkpoints.Gguf;

/// <summary>A tokenizer as GGUF files hold it: lists in the order of the ids.</summary>
/// <param name="Tokens">Spellings, ordinary tokens in the byte-level alphabet.</param>
/// <param name="Types">Of each token one of llama.cpp's llama_token_type: <see cref="Normal"/>, <see cref="Control"/> or <see cref="Unused"/>.</param>
/// <param name="Merges"><c>left right</c>, highest priority first.</param>
internal sealed record GgufVocabulary(IReadOnlyList<string> Tokens, IReadOnlyList<int> Types, IReadOnlyList<string> Merges)
{
    /// <summary>A token that text becomes.</summary>
    public const int Normal = 1;

    /// <summary>A special token.</summary>
    public const int Control = 3;

    /// <summary>A row of the embedding that belongs to no token.</summary>
    public const int Unused = 5;

    /// <summary>The vocabulary with fillers up to the rows of an embedding, as llama.cpp needs it.</summary>
    /// <exception cref="CheckpointException">There are more tokens than rows.</exception>
    public GgufVocabulary FilledTo(int rows)
    {
        if (Tokens.Count > rows)
        {
            throw new CheckpointException($"The tokenizer has {Tokens.Count} tokens, but the model's embedding {rows} rows. Are both from the same checkpoint?");
        }

        var fillers = Enumerable.Range(Tokens.Count, rows - Tokens.Count);
        return this with
        {
            Tokens = [.. Tokens, .. fillers.Select(id => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"[PAD{id}]"))],
            Types = [.. Types, .. fillers.Select(_ => Unused)],
        };
    }
}
