using GuardSharp.Checkpoints.Adapters;
using GuardSharp.Lab.FineTuning.Network;

namespace GuardSharp.Lab.FineTuning.Runs;

/// <summary>Writes what was learned as an adapter's folder, which <c>--adapter</c> and PEFT read.</summary>
internal static class AdapterOutput
{
    /// <summary>The adapter that a configuration asks for; null: none.</summary>
    public static AdapterConfig? Of(SftConfig config) => config.Lora is not { } lora ? null : new AdapterConfig
    {
        Rank = lora.Rank,
        Alpha = lora.Alpha,
        Targets = lora.Targets,
        Pattern = lora.Pattern,
        Dropout = lora.Dropout,
        BaseModel = config.Base,
    };

    /// <summary>Writes the folder.</summary>
    public static void Write(string folder, AdapterConfig adapter, BaseModel model, SftNetwork network) =>
        AdapterWriter.Write(folder, adapter, AdapterOrigin.Of(model.Checkpoint), network.Weights.AdaptedModules());
}
