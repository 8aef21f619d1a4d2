using GuardSharp.Checkpoints;
using GuardSharp.Models.Layers;
using GuardSharp.Tensors;

namespace GuardSharp.Models.Llama4;

/// <summary>Llama Guard 4 (llama4, early fusion): a decoder, dense or a mixture of experts, that reads encoded tiles in place of image tokens.</summary>
/// <remarks>Shapes: N rows, the tokens of all sequences laid end to end. Source: model notes L1-L12 (docs/sources.md).</remarks>
internal sealed class Llama4Network : IGuardNetwork
{
    private readonly ITensorOps _ops;
    private readonly Llama4TextConfig _config;
    private readonly Weight _embedding;
    private readonly Llama4Layer[] _layers;
    private readonly OutputHead _output;
    private readonly Llama4Vision? _vision;
    private readonly RotaryTable _rotary;
    private readonly bool _scalesQueries;

    public Llama4Network(ITensorOps ops, IWeightSource weights, Llama4Config config)
    {
        _ops = ops;
        _config = config.Text;
        var text = config.Text;
        Shape = new NetworkShape(text.Layers, text.HiddenSize, text.KeyHeads * text.HeadSize, text.VocabularySize, text.MaxPositions, text.KeyHeads);
        _embedding = weights.Matrix("language_model.model.embed_tokens.weight", text.VocabularySize, text.HiddenSize);
        _layers = new Llama4Layer[text.Layers];
        for (var i = 0; i < _layers.Length; i++)
        {
            _layers[i] = new Llama4Layer(ops, weights, text, i);
        }

        var norm = weights.Vector("language_model.model.norm.weight", text.HiddenSize);
        var head = text.TieWordEmbeddings ? _embedding : weights.Matrix("language_model.lm_head.weight", text.VocabularySize, text.HiddenSize);
        _output = new OutputHead(ops, norm, text.RmsNormEpsilon, head);
        _vision = config.Vision is null ? null : new Llama4Vision(ops, weights, config.Vision, text.HiddenSize);
        var frequencies = RopeFrequencies.Compute(text.RopeTheta, text.HeadSize, text.RopeScaling);
        _rotary = new RotaryTable(text.RotaryInBFloat16 ? RotaryTable.RoundToBFloat16(frequencies) : frequencies, interleaved: true);
        _scalesQueries = text.TemperatureTuning && text.RopeLayers.Contains(false);
    }

    public NetworkShape Shape { get; }

    public Tensor Embed(ReadOnlySpan<int> ids) => _ops.Embed(ids, _embedding);                           // [N, hidden]

    public Tensor EncodeTiles(Tensor pixels) =>
        _vision?.Encode(pixels) ?? throw new GuardException("This checkpoint has no vision encoder: its config.json has no vision_config.");

    public LayerContext Begin(IReadOnlyList<SequenceSpan> sequences) =>
        new(sequences, _rotary.For(_ops, sequences), _scalesQueries ? QueryFactors(sequences) : null);

    public Tensor Layer(int index, Tensor hidden, LayerContext context) => _layers[index].Forward(hidden, context);

    public Tensor Final(Tensor hidden, ReadOnlySpan<int> rows) => _output.Final(hidden, rows);

    public Tensor Logits(Tensor normed, ReadOnlySpan<int> tokens) => _output.Logits(normed, tokens);

    /// <summary>1 + attn_scale * log(1 + floor((position + 1) / floor_scale)) (model note L4): [N, 1].</summary>
    private Tensor QueryFactors(IReadOnlyList<SequenceSpan> sequences)
    {
        var factors = new float[SequenceRows.Count(sequences)];
        foreach (var sequence in sequences)
        {
            for (var i = 0; i < sequence.QueryCount; i++)
            {
                var steps = MathF.Floor((sequence.Position + i + 1f) / _config.FloorScale);
                factors[sequence.QueryRow + i] = 1 + (_config.AttentionScale * MathF.Log(1 + steps));
            }
        }

        return _ops.Upload(factors, factors.Length, 1);
    }
}
