using GuardSharp.Checkpoints;
using GuardSharp.Lab.Training.Text;

namespace GuardSharp.Lab.Training;

/// <summary>Writes a finished model: config.json, generation_config.json, tokenizer.json, model.safetensors and guardsharp.json, the last one last.</summary>
internal static class ModelFolder
{
    /// <summary>Languages with safe and unsafe training text.</summary>
    private static readonly string[] Languages = ["en", "fr", "de", "hi", "it", "pt", "es", "th"];

    /// <summary>Writes the folder; files that exist are replaced one by one, each whole.</summary>
    /// <param name="folder">The folder; made if need be.</param>
    /// <param name="config">The run's configuration.</param>
    /// <param name="network">The network whose weights are written, as bfloat16.</param>
    /// <param name="tokenizerFile">The tokenizer.json the network was trained with.</param>
    /// <param name="report">Where threshold and temperature come from.</param>
    public static void Write(string folder, TrainingConfig config, TextNetwork network, string tokenizerFile, DevReport report)
    {
        Directory.CreateDirectory(folder);
        Copy(config.Architecture, Path.Combine(folder, Llama4Config.FileName));
        Copy(tokenizerFile, Path.Combine(folder, "tokenizer.json"));
        ReplacedFile.Write(Path.Combine(folder, "generation_config.json"), stream => stream.Write("{\n  \"eos_token_id\": [\n    12001,\n    12002\n  ]\n}\n"u8));
        TrainingFolder.WriteTensors(
            Path.Combine(folder, Checkpoint.SingleFileName),
            [.. network.Weights.Parameters.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => (entry.Key, (TorchSharp.torch.Tensor)entry.Value))],
            TensorType.BF16);
        WriteManifest(folder, config, report);
    }

    /// <summary>Copies a folder's weights into parameters of the same names and shapes.</summary>
    public static void ReadWeights(string folder, IReadOnlyDictionary<string, TorchSharp.Modules.Parameter> parameters) => TrainingFolder.ReadTensors(
        Path.Combine(folder, Checkpoint.SingleFileName), [.. parameters.Select(entry => (entry.Key, (TorchSharp.torch.Tensor)entry.Value))]);

    private static void WriteManifest(string folder, TrainingConfig config, DevReport report)
    {
        using var checkpoint = Checkpoint.Open(folder);
        new GuardManifest
        {
            Name = config.Name,
            Version = config.Version,
            Codes = [.. Enumerable.Range(1, 14).Select(code => $"S{code}")],
            Languages = Languages,
            PromptVariant = "Compact",
            Threshold = report.Threshold,
            Temperature = Math.Round(report.Temperature, 4),
            WeightsSha256 = checkpoint.Sha256,
            Licence = "CC-BY-SA-4.0",
        }.Write(folder);
    }

    private static void Copy(string from, string to)
    {
        if (Path.GetFullPath(from) != Path.GetFullPath(to))
            ReplacedFile.Write(to, stream => stream.Write(File.ReadAllBytes(from)));
    }
}
