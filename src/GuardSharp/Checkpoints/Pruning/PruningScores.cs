namespace GuardSharp.Checkpoints.Pruning;

/// <summary>How much the parts of a model matter, measured on calibration rows.</summary>
internal sealed record PruningScores
{
    /// <summary>Conversations that were read.</summary>
    public required int Conversations { get; init; }

    /// <summary>Their tokens.</summary>
    public required long Tokens { get; init; }

    /// <summary>Block importance of each layer of the source: 1 less the mean cosine of its input and output (arXiv:2403.03853); null: not measured.</summary>
    public double[]? Layers { get; init; }

    /// <summary>For each layer that stays, of each neuron of its feed-forward: the Euclidean norm of its activations over a conversation's tokens, in the mean of the conversations; null: not measured.</summary>
    public IReadOnlyList<double[]>? Neurons { get; init; }
}
