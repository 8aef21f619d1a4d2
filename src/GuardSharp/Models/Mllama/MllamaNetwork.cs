using GuardSharp.Checkpoints;
using GuardSharp.Models.Layers;
using GuardSharp.Tensors;

namespace GuardSharp.Models.Mllama;

/// <summary>Llama Guard 3 Vision (mllama, deep fusion): Llama 3.1 with layers of cross-attention to encoded pictures between its own.</summary>
/// <remarks>Shapes: N rows, the tokens of all sequences laid end to end. Source: model notes M1-M13 (docs/sources.md).</remarks>
internal sealed class MllamaNetwork : ICrossAttentionNetwork
{
    private readonly ITensorOps _ops;
    private readonly Weight _embedding;
    private readonly LlamaLayer?[] _selfLayers;
    private readonly MllamaCrossLayer?[] _crossLayers;
    private readonly OutputHead _output;
    private readonly MllamaVision _vision;
    private readonly RotaryTable _rotary;

    /// <param name="ops">The backend.</param>
    /// <param name="weights">The checkpoint, under its published names (note M11).</param>
    /// <param name="config">Its configuration.</param>
    /// <param name="maskedRows">What text before the first picture does (note M4).</param>
    public MllamaNetwork(ITensorOps ops, IWeightSource weights, MllamaConfig config, MaskedRows maskedRows = MaskedRows.HuggingFace)
    {
        const string Model = "language_model.model";
        var text = config.Text;
        (_ops, EarlierTokensRead, RowsPerTile) = (ops, maskedRows == MaskedRows.HuggingFace, config.Vision.Positions);
        Shape = new NetworkShape(text.Layers, text.HiddenSize, text.KeySize, text.VocabularySize, text.MaxPositions, text.KeyHeads);
        _embedding = weights.Matrix($"{Model}.embed_tokens.weight", text.EmbeddingRows, text.HiddenSize);
        var size = new AttentionSize(text.HiddenSize, text.Heads, text.KeyHeads, text.HeadSize);
        _selfLayers = new LlamaLayer?[text.Layers];
        _crossLayers = new MllamaCrossLayer?[text.Layers];
        for (var i = 0; i < text.Layers; i++)
        {
            if (text.CrossLayers.Contains(i))
            {
                _crossLayers[i] = new MllamaCrossLayer(ops, weights, text, i, CrossLayers++);
            }
            else
            {
                _selfLayers[i] = new LlamaLayer(ops, weights, Model, size, text.FeedForwardSize, text.RmsNormEpsilon, i);
            }
        }

        var norm = weights.Vector($"{Model}.norm.weight", text.HiddenSize);
        _output = new OutputHead(ops, norm, text.RmsNormEpsilon, weights.Matrix("language_model.lm_head.weight", text.VocabularySize, text.HiddenSize));
        _vision = new MllamaVision(ops, weights, config.Vision, text.HiddenSize);
        _rotary = new RotaryTable(RopeFrequencies.Compute(text.RopeTheta, text.HeadSize, text.RopeScaling), interleaved: false);
    }

    public NetworkShape Shape { get; }

    public int CrossLayers { get; }

    public int RowsPerTile { get; }

    public bool EarlierTokensRead { get; }

    public Tensor Embed(ReadOnlySpan<int> ids) => _ops.Embed(ids, _embedding);                           // [N, hidden]

    public Tensor EncodeTiles(Tensor pixels) =>
        throw new GuardException("This network reads pictures by cross-attention: nothing of them stands in place of tokens.");

    public Tensor EncodePicture(Tensor pixels, int gridRows, int gridColumns) => _vision.Encode(pixels, gridRows, gridColumns);

    public void Remember(Tensor encoded, KvCache cache)
    {
        foreach (var layer in _crossLayers)
        {
            using var scope = _ops.Scope();
            layer?.Remember(encoded, cache);
        }

        cache.Advance(encoded.Rows);
    }

    public LayerContext Begin(IReadOnlyList<SequenceSpan> sequences) => new(sequences, _rotary.For(_ops, sequences), null);

    public Tensor Layer(int index, Tensor hidden, LayerContext context) =>
        _selfLayers[index]?.Forward(hidden, context) ?? _crossLayers[index]!.Forward(hidden, context.Pictures);

    public Tensor Final(Tensor hidden, ReadOnlySpan<int> rows) => _output.Final(hidden, rows);

    public Tensor Logits(Tensor normed, ReadOnlySpan<int> tokens) => _output.Logits(normed, tokens);
}
