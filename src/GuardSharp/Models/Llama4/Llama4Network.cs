using GuardSharp.Checkpoints;
using GuardSharp.Models.Layers;
using GuardSharp.Tensors;

namespace GuardSharp.Models.Llama4;

/// <summary>Llama Guard 4 (llama4, early fusion): a decoder, dense or a mixture of experts, that reads encoded tiles in place of image tokens.</summary>
/// <remarks>Shapes: N rows, the tokens of all sequences laid end to end. Source: model notes L1-L12 (docs/sources.md).</remarks>
internal sealed class Llama4Network : IGuardNetwork
{
    private readonly ITensorOps ops;
    private readonly Llama4TextConfig config;
    private readonly Weight embedding;
    private readonly Llama4Layer[] layers;
    private readonly Weight norm;
    private readonly Weight head;
    private readonly Llama4Vision? vision;
    private readonly RotaryTable rotary;
    private readonly bool scalesQueries;

    public Llama4Network(ITensorOps ops, IWeightSource weights, Llama4Config config)
    {
        this.ops = ops;
        this.config = config.Text;
        var text = config.Text;
        Shape = new NetworkShape(text.Layers, text.HiddenSize, text.KeyHeads * text.HeadSize, text.VocabularySize, text.MaxPositions);
        embedding = weights.Matrix("language_model.model.embed_tokens.weight", text.VocabularySize, text.HiddenSize);
        layers = new Llama4Layer[text.Layers];
        for (var i = 0; i < layers.Length; i++)
        {
            layers[i] = new Llama4Layer(ops, weights, text, i);
        }

        norm = weights.Vector("language_model.model.norm.weight", text.HiddenSize);
        head = text.TieWordEmbeddings
            ? embedding
            : weights.Matrix("language_model.lm_head.weight", text.VocabularySize, text.HiddenSize);
        vision = config.Vision is null ? null : new Llama4Vision(ops, weights, config.Vision, text.HiddenSize);
        var frequencies = RopeFrequencies.Compute(text.RopeTheta, text.HeadSize, text.RopeScaling);
        rotary = new RotaryTable(text.RotaryInBFloat16 ? RotaryTable.RoundToBFloat16(frequencies) : frequencies, interleaved: true);
        scalesQueries = text.TemperatureTuning && text.RopeLayers.Contains(false);
    }

    public NetworkShape Shape { get; }

    public Tensor Embed(ReadOnlySpan<int> ids) => ops.Embed(ids, embedding);                           // [N, hidden]

    public Tensor EncodeTiles(Tensor pixels) =>
        vision?.Encode(pixels) ?? throw new GuardException("This checkpoint has no vision encoder: its config.json has no vision_config.");

    public LayerContext Begin(IReadOnlyList<SequenceSpan> sequences) =>
        new(sequences, rotary.For(ops, sequences), scalesQueries ? QueryFactors(sequences) : null);

    public Tensor Layer(int index, Tensor hidden, LayerContext context) => layers[index].Forward(hidden, context);

    public Tensor Final(Tensor hidden, ReadOnlySpan<int> rows)
    {
        var normed = ops.RmsNorm(ops.GatherRows(hidden, rows), norm, config.RmsNormEpsilon);
        ops.Observe("hidden.final_norm", normed);
        return normed;
    }

    public Tensor Logits(Tensor normed, ReadOnlySpan<int> tokens) =>
        tokens.IsEmpty ? ops.Linear(normed, head) : ops.LinearRows(normed, head, tokens);

    /// <summary>1 + attn_scale * log(1 + floor((position + 1) / floor_scale)) (model note L4): [N, 1].</summary>
    private Tensor QueryFactors(IReadOnlyList<SequenceSpan> sequences)
    {
        var factors = new float[SequenceRows.Count(sequences)];
        foreach (var sequence in sequences)
        {
            for (var i = 0; i < sequence.QueryCount; i++)
            {
                var steps = MathF.Floor((sequence.Position + i + 1f) / config.FloorScale);
                factors[sequence.QueryRow + i] = 1 + (config.AttentionScale * MathF.Log(1 + steps));
            }
        }

        return ops.Upload(factors, factors.Length, 1);
    }
}
