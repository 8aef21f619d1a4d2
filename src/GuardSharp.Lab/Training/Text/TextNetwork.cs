using GuardSharp.Checkpoints;
using GuardSharp.Models.Llama4;
using GuardSharp.Tensors;
using GuardSharp.Torch;
using TorchSharp;

namespace GuardSharp.Lab.Training.Text;

/// <summary>The network that inference uses, over trainable torch weights.</summary>
internal sealed class TextNetwork : IDisposable
{
    private const string EmbeddingName = "language_model.model.embed_tokens.weight";
    private readonly Llama4Network _network;

    /// <summary>Builds the network of a config.json with fresh weights.</summary>
    public TextNetwork(Llama4Config config, int seed)
    {
        Ops = new TorchOps { Gradients = true };
        Weights = new TorchWeights(new InitialisedWeights(seed, start: name => Start(name, config.Text)), trainable: _ => true);
        _network = new Llama4Network(Ops, Weights, config);
    }

    /// <summary>The backend.</summary>
    public TorchOps Ops { get; }

    /// <summary>All parameters, by checkpoint name.</summary>
    public TorchWeights Weights { get; }

    /// <summary>The network itself.</summary>
    public Llama4Network Network => _network;

    /// <summary>The embedding, which is the head too.</summary>
    public torch.Tensor Embedding => Weights.Parameters[EmbeddingName];

    /// <summary>True for the embedding's name.</summary>
    public static bool IsEmbedding(string name) => name == EmbeddingName;

    /// <summary>The last layer's output for sequences laid end to end, before the final norm: [N, hidden].</summary>
    public Tensor Forward(IReadOnlyList<TrainingExample> batch, bool promptsOnly)
    {
        var ids = new List<int>();
        var sequences = new List<SequenceSpan>(batch.Count);
        foreach (var example in batch)
        {
            var count = promptsOnly ? example.PromptLength : example.Ids.Length;
            sequences.Add(SequenceSpan.Self(ids.Count, count));
            ids.AddRange(example.Ids.AsSpan(0, count));
        }

        var hidden = _network.Embed([.. ids]);
        var context = _network.Begin(sequences);
        for (var layer = 0; layer < _network.Shape.Layers; layer++)
            hidden = _network.Layer(layer, hidden, context);
        return hidden;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Weights.Dispose();
        Ops.Dispose();
    }

    /// <summary>
    /// Matrices at about 1 / sqrt(inputs), what adds to the residual stream at half of it. Queries and keys of a layer without rotation start
    /// near zero: its heads then read the mean of all positions, which a short run cannot learn by itself.
    /// </summary>
    private static StartingValues? Start(string name, Llama4TextConfig text)
    {
        // The head is the embedding, whose numbers are large: a small last norm starts the logits near zero.
        if (name == "language_model.model.norm.weight")
            return new StartingValues(0.1, 0);
        if (!name.StartsWith("language_model.model.layers.", StringComparison.Ordinal) || name.Contains("norm", StringComparison.Ordinal))
            return null;
        var layer = int.Parse(name.Split('.')[3], null);
        var scale = 1 / Math.Sqrt(text.HiddenSize);
        return name switch
        {
            _ when name.EndsWith("q_proj.weight", StringComparison.Ordinal) || name.EndsWith("k_proj.weight", StringComparison.Ordinal) =>
                new StartingValues(0, text.RopeLayers[layer] ? scale : scale / 4),
            _ when name.EndsWith("o_proj.weight", StringComparison.Ordinal) => new StartingValues(0, scale / 2),
            _ when name.EndsWith("down_proj.weight", StringComparison.Ordinal) => new StartingValues(0, 0.5 / Math.Sqrt(text.FeedForwardSize)),
            _ => new StartingValues(0, scale),
        };
    }
}
