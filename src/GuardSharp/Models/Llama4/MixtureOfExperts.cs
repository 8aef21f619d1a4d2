using GuardSharp.Checkpoints;
using GuardSharp.Tensors;

namespace GuardSharp.Models.Llama4;

/// <summary>A shared expert, and one routed expert per row (model note L6): the sigmoid of the best router logit multiplies the expert's input.</summary>
/// <remarks>Shapes: N rows, E experts, F inner size of an expert.</remarks>
internal sealed class MixtureOfExperts : IFeedForward
{
    private readonly ITensorOps ops;
    private readonly DenseFeedForward shared;
    private readonly Weight router;
    private readonly Weight[] gateUp;
    private readonly Weight[] down;
    private readonly int inner;
    private readonly string routerName;

    public MixtureOfExperts(ITensorOps ops, IWeightSource weights, string prefix, Llama4TextConfig config, int layer)
    {
        this.ops = ops;
        inner = config.ExpertSize;
        routerName = $"router_logits.layer{layer}";
        shared = new DenseFeedForward(ops, weights, $"{prefix}.shared_expert", config.HiddenSize, inner);
        router = weights.Matrix($"{prefix}.router.weight", config.Experts, config.HiddenSize);
        gateUp = weights.Experts($"{prefix}.experts.gate_up_proj", config.Experts, config.HiddenSize, 2 * inner);
        down = weights.Experts($"{prefix}.experts.down_proj", config.Experts, inner, config.HiddenSize);
    }

    public Tensor Forward(Tensor x)                                                     // [N, hidden]
    {
        var logits = ops.Linear(x, router);                                             // [N, E]
        ops.Observe(routerName, logits);
        var chosen = BestExpert(logits);
        var picked = new int[x.Rows];                                                   // place of the chosen logit among N * E
        for (var row = 0; row < x.Rows; row++)
        {
            picked[row] = (row * gateUp.Length) + chosen[row];
        }

        var factors = ops.Sigmoid(ops.GatherRows(ops.Reshape(logits, x.Rows * gateUp.Length, 1), picked));   // [N, 1]
        return ops.Add(shared.Forward(x), Routed(ops.ScaleRows(x, factors), chosen));
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

            var part = Expert(ops.GatherRows(x, order.AsSpan(start, end - start)), expert);
            all = all is { } before ? ops.ConcatRows(before, part) : part;
            start = end;
        }

        return ops.GatherRows(all!.Value, place);
    }

    private Tensor Expert(Tensor x, int expert)                                         // [n, hidden]
    {
        var gateAndUp = ops.Reshape(ops.Linear(x, gateUp[expert]), 2 * x.Rows, inner);  // [n, 2F] as [2n, F]: gate, up, gate, up ...
        var gates = new int[x.Rows];
        var ups = new int[x.Rows];
        for (var row = 0; row < x.Rows; row++)
        {
            gates[row] = 2 * row;
            ups[row] = (2 * row) + 1;
        }

        return ops.Linear(ops.SwiGlu(ops.GatherRows(gateAndUp, gates), ops.GatherRows(gateAndUp, ups)), down[expert]);
    }

    private int[] BestExpert(Tensor logits)
    {
        var values = new float[logits.Length];
        ops.Read(logits, values);
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
