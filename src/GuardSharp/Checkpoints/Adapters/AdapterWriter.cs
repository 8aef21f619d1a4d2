namespace GuardSharp.Checkpoints.Adapters;

/// <summary>The trained matrices of a module, row by row.</summary>
/// <param name="Module">Its published name, such as <c>model.layers.0.self_attn.q_proj</c>.</param>
/// <param name="A">[rank, inputs].</param>
/// <param name="B">[outputs, rank].</param>
internal sealed record AdaptedModule(string Module, float[] A, float[] B);

/// <summary>Writes a LoRA adapter as PEFT's folder, in F32.</summary>
internal static class AdapterWriter
{
    /// <summary>Writes or replaces the files of an adapter; each appears whole or not at all, the weights last.</summary>
    /// <param name="folder">Where to; it is made where it does not exist.</param>
    /// <param name="config">Rank, scale and targets.</param>
    /// <param name="origin">The weights it was trained on; null: it fits whatever has its shapes.</param>
    /// <param name="modules">The matrices.</param>
    /// <exception cref="CheckpointException">A matrix has another size than the rank says, or a file cannot be written.</exception>
    public static void Write(string folder, AdapterConfig config, AdapterOrigin? origin, IReadOnlyCollection<AdaptedModule> modules)
    {
        foreach (var module in modules)
        {
            if (module.A.Length == 0 || module.B.Length == 0 || module.A.Length % config.Rank != 0 || module.B.Length % config.Rank != 0)
            {
                throw new CheckpointException(
                    $"{Adapter.WeightsFileName}: \"{Printable.Of(module.Module)}\" has {module.A.Length} numbers in A and {module.B.Length} in B, which do not fill rows and columns of rank {config.Rank}.");
            }

            if (!config.Covers(module.Module))
            {
                throw new CheckpointException($"{AdapterConfig.FileName}: target_modules does not name \"{Printable.Of(module.Module)}\", which was trained.");
            }
        }

        Directory.CreateDirectory(folder);
        config.Write(folder);
        origin?.Write(folder);
        var plan = modules.SelectMany(module => new[]
        {
            new TensorPlan(Name(module, Adapter.DownSuffix), TensorType.F32, [config.Rank, module.A.Length / config.Rank]),
            new TensorPlan(Name(module, Adapter.UpSuffix), TensorType.F32, [module.B.Length / config.Rank, config.Rank]),
        });
        using var writer = SafetensorsWriter.Create(Path.Combine(folder, Adapter.WeightsFileName), plan, new Dictionary<string, string> { ["format"] = "pt" });
        foreach (var module in modules)
        {
            writer.Append(Name(module, Adapter.DownSuffix), module.A);
            writer.Append(Name(module, Adapter.UpSuffix), module.B);
        }

        writer.Commit();
    }

    private static string Name(AdaptedModule module, string suffix) => $"{Adapter.Prefix}{module.Module}{suffix}";
}
