using GuardSharp.Checkpoints;
using GuardSharp.Models.Layers;
using GuardSharp.Tensors;

namespace GuardSharp.Models.Llama;

/// <summary>Llama Guard 3 8B and 1B (llama): a dense decoder over text.</summary>
/// <remarks>Shapes: N rows, the tokens of all sequences laid end to end. Source: model notes, section "Llama" (docs/sources.md).</remarks>
internal sealed class LlamaNetwork : IGuardNetwork
{
    private readonly ITensorOps _ops;
    private readonly Weight _embedding;
    private readonly LlamaLayer[] _layers;
    private readonly OutputHead _output;
    private readonly PrunedHead? _pruned;
    private readonly RotaryTable _rotary;

    public LlamaNetwork(ITensorOps ops, IWeightSource weights, LlamaConfig config)
    {
        _ops = ops;
        Shape = new NetworkShape(config.Layers, config.HiddenSize, config.KeySize, config.VocabularySize, config.MaxPositions, config.KeyHeads);
        _embedding = weights.Matrix("model.embed_tokens.weight", config.VocabularySize, config.HiddenSize);
        var size = new AttentionSize(config.HiddenSize, config.Heads, config.KeyHeads, config.HeadSize);
        _layers = new LlamaLayer[config.Layers];
        for (var i = 0; i < _layers.Length; i++)
        {
            _layers[i] = new LlamaLayer(ops, weights, "model", size, config.FeedForwardSize, config.RmsNormEpsilon, i);
        }

        var norm = weights.Vector("model.norm.weight", config.HiddenSize);
        var head = config.TieWordEmbeddings ? _embedding : weights.Matrix("lm_head.weight", config.HeadRows, config.HiddenSize);
        _output = new OutputHead(ops, norm, config.RmsNormEpsilon, head);
        _pruned = config.OutputTokens is { } tokens ? new PrunedHead(ops, head, tokens, config.VocabularySize) : null;
        // Half rotation: Hugging Face's files hold q and k with their rows permuted for it (section "Llama"); GGUF files hold them as Meta's do.
        var frequencies = RopeFrequencies.Compute(config.RopeTheta, config.HeadSize, config.RopeScaling);
        for (var i = 0; i < (config.RopeDivisors?.Length ?? 0); i++)
        {
            frequencies[i] /= config.RopeDivisors![i];
        }

        _rotary = new RotaryTable(frequencies, interleaved: config.RotatesNeighbours);
    }

    public NetworkShape Shape { get; }

    public Tensor Embed(ReadOnlySpan<int> ids) => _ops.Embed(ids, _embedding);                           // [N, hidden]

    public Tensor EncodeTiles(Tensor pixels) => throw new GuardException("This checkpoint judges text alone: its network has no vision encoder.");

    public LayerContext Begin(IReadOnlyList<SequenceSpan> sequences) => new(sequences, _rotary.For(_ops, sequences), null);

    public Tensor Layer(int index, Tensor hidden, LayerContext context) => _layers[index].Forward(hidden, context);

    public Tensor Final(Tensor hidden, ReadOnlySpan<int> rows) => _output.Final(hidden, rows);

    public Tensor Logits(Tensor normed, ReadOnlySpan<int> tokens) => _pruned?.Logits(normed, tokens) ?? _output.Logits(normed, tokens);
}
