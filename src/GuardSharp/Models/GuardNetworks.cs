using GuardSharp.Checkpoints;
using GuardSharp.Models.Llama;
using GuardSharp.Models.Llama4;
using GuardSharp.Tensors;

namespace GuardSharp.Models;

/// <summary>The network of each architecture.</summary>
internal static class GuardNetworks
{
    /// <summary>Binds the weights of a model's network.</summary>
    /// <exception cref="CheckpointException">A tensor is missing or has another shape, or there is no network of this architecture.</exception>
    public static IGuardNetwork Create(ITensorOps ops, IWeightSource weights, IModelConfig config) => config switch
    {
        Llama4Config llama4 => new Llama4Network(ops, weights, llama4),
        LlamaConfig llama => new LlamaNetwork(ops, weights, llama),
        _ => throw new CheckpointException($"{ModelConfig.FileName}: this version can describe the architecture {config.Architecture}, but not run it."),
    };
}
