using GuardSharp.Tensors;

namespace GuardSharp.Models.Layers;

/// <summary>The part of a layer behind attention: dense, or a mixture of experts.</summary>
internal interface IFeedForward
{
    /// <summary>[N, hidden] to [N, hidden].</summary>
    Tensor Forward(Tensor x);
}

/// <summary>down(silu(gate(x)) * up(x)) (SwiGLU, arXiv:2002.05202).</summary>
internal sealed class DenseFeedForward(ITensorOps ops, IWeightSource weights, string prefix, int hidden, int inner) : IFeedForward
{
    private readonly Weight _gate = weights.Matrix($"{prefix}.gate_proj.weight", inner, hidden);
    private readonly Weight _up = weights.Matrix($"{prefix}.up_proj.weight", inner, hidden);
    private readonly Weight _down = weights.Matrix($"{prefix}.down_proj.weight", hidden, inner);

    public Tensor Forward(Tensor x) => ops.Linear(ops.SwiGlu(ops.Linear(x, _gate), ops.Linear(x, _up)), _down);
}
