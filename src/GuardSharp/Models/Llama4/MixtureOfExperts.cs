using GuardSharp.Checkpoints;
using GuardSharp.Models.Layers;
using GuardSharp.Tensors;

namespace GuardSharp.Models.Llama4;

/// <summary>A shared expert, and one routed expert per row (model note L6): the sigmoid of the best router logit multiplies the expert's input.</summary>
/// <remarks>Shapes: N rows, E experts, F inner size of an expert.</remarks>
internal sealed class MixtureOfExperts : IFeedForward
{
    private readonly ITensorOps _ops;
    private readonly DenseFeedForward _shared;
    private readonly Weight _router;
    private readonly Weight[] _gateUp;
    private readonly Weight[] _down;
    private readonly int _inner;
    private readonly string _routerName;

    public MixtureOfExperts(ITensorOps ops, IWeightSource weights, string prefix, Llama4TextConfig config, int layer)
    {
        _ops = ops;
        _inner = config.ExpertSize;
        _routerName = $"router_logits.layer{layer}";
        _shared = new DenseFeedForward(ops, weights, $"{prefix}.shared_expert", config.HiddenSize, _inner);
        _router = weights.Matrix($"{prefix}.router.weight", config.Experts, config.HiddenSize);
        _gateUp = weights.Experts($"{prefix}.experts.gate_up_proj", config.Experts, config.HiddenSize, 2 * _inner);
        _down = weights.Experts($"{prefix}.experts.down_proj", config.Experts, _inner, config.HiddenSize);
    }

    public Tensor Forward(Tensor x)                                                     // [N, hidden]
    {
        var logits = _ops.Linear(x, _router);                                             // [N, E]
        _ops.Observe(_routerName, logits);
        var chosen = BestExpert(logits);
        var picked = new int[x.Rows];                                                   // place of the chosen logit among N * E
        for (var row = 0; row < x.Rows; row++)
        {
            picked[row] = (row * _gateUp.Length) + chosen[row];
        }

        var factors = _ops.Sigmoid(_ops.GatherRows(_ops.Reshape(logits, x.Rows * _gateUp.Length, 1), picked));   // [N, 1]
        return _ops.Add(_shared.Forward(x), Routed(_ops.ScaleRows(x, factors), chosen));
    }

    /// <summary>Rows sorted by expert, each run through its expert, and put back in order.</summary>
    private Tensor Routed(Tensor x, int[] chosen)
    {
        var order = new int[chosen.Length];
        var place = new int[chosen.Length];
        for (var i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        Array.Sort(chosen.ToArray(), order);
        for (var i = 0; i < order.Length; i++)
        {
            place[order[i]] = i;
        }

        Tensor? all = null;
        for (var start = 0; start < order.Length;)
        {
            var expert = chosen[order[start]];
            var end = start;
            while (end < order.Length && chosen[order[end]] == expert)
            {
                end++;
            }

            var part = Expert(_ops.GatherRows(x, order.AsSpan(start, end - start)), expert);
            all = all is { } before ? _ops.ConcatRows(before, part) : part;
            start = end;
        }

        return _ops.GatherRows(all!.Value, place);
    }

    private Tensor Expert(Tensor x, int expert)                                         // [n, hidden]
    {
        var gateAndUp = _ops.Reshape(_ops.Linear(x, _gateUp[expert]), 2 * x.Rows, _inner);  // [n, 2F] as [2n, F]: gate, up, gate, up ...
        var gates = new int[x.Rows];
        var ups = new int[x.Rows];
        for (var row = 0; row < x.Rows; row++)
        {
            gates[row] = 2 * row;
            ups[row] = (2 * row) + 1;
        }

        return _ops.Linear(_ops.SwiGlu(_ops.GatherRows(gateAndUp, gates), _ops.GatherRows(gateAndUp, ups)), _down[expert]);
    }

    private int[] BestExpert(Tensor logits)
    {
        var values = new float[logits.Length];
        _ops.Read(logits, values);
        var best = new int[logits.Rows];
        for (var row = 0; row < best.Length; row++)
        {
            var scores = values.AsSpan(row * logits.Columns, logits.Columns);
            var index = 0;
            for (var e = 1; e < scores.Length; e++)
            {
                index = scores[e] > scores[index] ? e : index;
            }

            best[row] = index;
        }

        return best;
    }
}
