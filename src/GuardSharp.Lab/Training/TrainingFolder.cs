using System.Text.Json;
using GuardSharp.Checkpoints;
using TorchSharp;

namespace GuardSharp.Lab.Training;

/// <summary>Where a run stands.</summary>
/// <param name="Epoch">Epoch, from 0.</param>
/// <param name="Batch">Batches of the epoch done.</param>
/// <param name="RowsSeen">Rows seen in all epochs.</param>
/// <param name="Steps">Optimiser steps done.</param>
/// <param name="BestChoice">Best development result so far.</param>
internal sealed record TrainingState(int Epoch, int Batch, long RowsSeen, long Steps, double BestChoice);

/// <summary>Files of a run: state to go on from, and a log of numbers. Every file holds either the old or the whole new content.</summary>
internal sealed class TrainingFolder(string path)
{
    private const string StateFile = "state.json";
    private const string TensorFile = "state.safetensors";

    /// <summary>The folder.</summary>
    public string Path { get; } = Directory.CreateDirectory(path).FullName;

    /// <summary>Writes the tensors, then the state that belongs to them.</summary>
    public void Save(TrainingState state, IReadOnlyList<(string Name, torch.Tensor Value)> tensors)
    {
        WriteTensors(System.IO.Path.Combine(Path, TensorFile), tensors, TensorType.F32);
        ReplacedFile.Write(System.IO.Path.Combine(Path, StateFile), stream => JsonSerializer.Serialize(stream, state));
    }

    /// <summary>Reads the tensors into those given and returns the state, or null when there is none.</summary>
    public TrainingState? Load(IReadOnlyList<(string Name, torch.Tensor Value)> tensors)
    {
        var file = System.IO.Path.Combine(Path, StateFile);
        if (!File.Exists(file))
            return null;

        ReadTensors(System.IO.Path.Combine(Path, TensorFile), tensors);
        return JsonSerializer.Deserialize<TrainingState>(File.ReadAllBytes(file));
    }

    /// <summary>Appends a line to metrics.jsonl.</summary>
    public void Log(object line) => File.AppendAllText(System.IO.Path.Combine(Path, "metrics.jsonl"), JsonSerializer.Serialize(line) + "\n");

    /// <summary>Writes tensors as one safetensors file, rounded to the given type.</summary>
    public static void WriteTensors(string file, IReadOnlyList<(string Name, torch.Tensor Value)> tensors, TensorType type)
    {
        using var writer = SafetensorsWriter.Create(file, tensors.Select(entry => new TensorPlan(entry.Name, type, entry.Value.shape)));
        foreach (var (name, value) in tensors)
        {
            using var frozen = torch.no_grad();
            using var rounded = value.detach().to(type == TensorType.BF16 ? torch.ScalarType.BFloat16 : torch.ScalarType.Float32).contiguous();
            writer.Append(name, rounded.bytes);
        }

        writer.Commit();
    }

    /// <summary>Copies a safetensors file's numbers into tensors of the same names and shapes.</summary>
    public static void ReadTensors(string path, IReadOnlyList<(string Name, torch.Tensor Value)> tensors)
    {
        using var file = SafetensorsFile.Open(path);
        using var frozen = torch.no_grad();
        foreach (var (name, value) in tensors)
        {
            using var read = torch.tensor(file.Get(name).ToSingles(), value.shape);
            value.copy_(read);
        }
    }
}
