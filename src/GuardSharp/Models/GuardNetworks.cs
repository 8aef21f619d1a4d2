using GuardSharp.Checkpoints;
using GuardSharp.Models.Llama;
using GuardSharp.Models.Llama4;
using GuardSharp.Models.Mllama;
using GuardSharp.Tensors;

namespace GuardSharp.Models;

/// <summary>The network of each architecture.</summary>
internal static class GuardNetworks
{
    /// <summary>Binds the weights of a model's network.</summary>
    /// <param name="ops">The backend.</param>
    /// <param name="weights">The checkpoint's weights.</param>
    /// <param name="config">Its configuration.</param>
    /// <param name="maskedRows">What text before a picture does in Llama Guard 3 Vision; other networks do not know the question.</param>
    /// <exception cref="CheckpointException">A tensor is missing or has another shape, or there is no network of this architecture.</exception>
    public static IGuardNetwork Create(ITensorOps ops, IWeightSource weights, IModelConfig config, MaskedRows maskedRows = MaskedRows.HuggingFace) => config switch
    {
        Llama4Config llama4 => new Llama4Network(ops, weights, llama4),
        LlamaConfig llama => new LlamaNetwork(ops, weights, llama),
        MllamaConfig mllama => new MllamaNetwork(ops, weights, mllama, maskedRows),
        _ => throw new CheckpointException($"{ModelConfig.FileName}: this version can describe the architecture {config.Architecture}, but not run it."),
    };
}
