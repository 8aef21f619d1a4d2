using System.Globalization;
using System.Text.Json;
using GuardSharp.Checkpoints;
using GuardSharp.Lab.Training;
using TorchSharp;

namespace GuardSharp.Lab.FineTuning.Runs;

/// <summary>Files of a run: checkpoints to go on from, numbers, models. A checkpoint or model is a folder that appears under its name whole or not at all.</summary>
internal sealed class RunFolder
{
    private const string CheckpointsName = "checkpoints";
    private const string Beginning = "step-";
    private const string StateName = "state.json";
    private const string WeightsName = "weights.safetensors";
    private const string MomentsName = "optimiser.safetensors";

    private readonly string _checkpoints;

    /// <param name="path">The folder; made if need be.</param>
    public RunFolder(string path)
    {
        Path = Directory.CreateDirectory(path).FullName;
        _checkpoints = System.IO.Path.Combine(Path, CheckpointsName);
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The numbers, one JSON object a line.</summary>
    public string Metrics => this["metrics.jsonl"];

    /// <summary>The path of a file or folder of the run.</summary>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>Begins anew: numbers and checkpoints of an earlier run in the same folder go.</summary>
    /// <exception cref="TrainingException">There is a checkpoint: the run could go on.</exception>
    public void Begin()
    {
        if (Newest() is { } newest)
        {
            throw new TrainingException(
                $"{newest}: a run stands here already. Go on with --resume, or name another output folder, or remove this one.");
        }

        File.Delete(Metrics);
        File.Delete(this["bad-rows.jsonl"]);
    }

    /// <summary>Writes a checkpoint, then removes the older ones.</summary>
    public void Save(RunState state, IReadOnlyList<(string Name, torch.Tensor Value)> weights, IReadOnlyList<(string Name, torch.Tensor Value)> moments)
    {
        var target = System.IO.Path.Combine(_checkpoints, string.Create(CultureInfo.InvariantCulture, $"{Beginning}{state.Step:D8}"));
        if (Directory.Exists(target))
        {
            return;
        }

        Directory.CreateDirectory(_checkpoints);
        var older = Directory.GetDirectories(_checkpoints);
        using (var pending = new PendingFolder(target))
        {
            TensorFiles.Write(System.IO.Path.Combine(pending.Path, WeightsName), weights);
            TensorFiles.Write(System.IO.Path.Combine(pending.Path, MomentsName), moments);
            ReplacedFile.Write(System.IO.Path.Combine(pending.Path, StateName), stream => JsonSerializer.Serialize(stream, state));
            pending.Commit();
        }

        foreach (var folder in older)
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Reads the newest checkpoint's numbers into the given tensors.</summary>
    /// <returns>Where it stands; null: there is none.</returns>
    /// <exception cref="TrainingException">It is that of a run with another configuration.</exception>
    public RunState? Load(string identity, IReadOnlyList<(string Name, torch.Tensor Value)> weights, IReadOnlyList<(string Name, torch.Tensor Value)> moments)
    {
        if (Newest() is not { } newest)
        {
            return null;
        }

        var state = JsonSerializer.Deserialize<RunState>(File.ReadAllBytes(System.IO.Path.Combine(newest, StateName)))!;
        if (state.Identity != identity)
        {
            throw new TrainingException(
                $"{newest}: was written by a run with another base, data, seed or optimiser. Go on with the same configuration, or name another output folder.");
        }

        TensorFiles.Read(System.IO.Path.Combine(newest, WeightsName), weights);
        TensorFiles.Read(System.IO.Path.Combine(newest, MomentsName), moments);
        return state;
    }

    /// <summary>Appends a line of numbers.</summary>
    public void Log(object line) => File.AppendAllText(Metrics, JsonSerializer.Serialize(line) + "\n");

    /// <summary>Removes the numbers behind a step: a run that was killed had gone on behind its last checkpoint, and its last line may be cut off.</summary>
    public void CutMetrics(long step)
    {
        if (!File.Exists(Metrics))
        {
            return;
        }

        var kept = File.ReadLines(Metrics).Where(line => StepOf(line) <= step).ToList();
        ReplacedFile.Write(Metrics, stream =>
        {
            using var writer = new StreamWriter(stream, leaveOpen: true);
            kept.ForEach(line => writer.Write(line + "\n"));
        });
    }

    /// <summary>Writes a model folder and puts it in the place of the one before.</summary>
    /// <param name="name">Its name in the run's folder.</param>
    /// <param name="write">Writes it into an empty folder.</param>
    public string Replace(string name, Action<string> write)
    {
        var (target, fresh, old) = (this[name], this[$".{name}.new"], this[$".{name}.old"]);
        foreach (var left in (string[])[fresh, old])
        {
            // Of a run that was killed here.
            if (Directory.Exists(left))
            {
                Directory.Delete(left, recursive: true);
            }
        }

        write(Directory.CreateDirectory(fresh).FullName);
        if (Directory.Exists(target))
        {
            Directory.Move(target, old);
        }

        Directory.Move(fresh, target);
        if (Directory.Exists(old))
        {
            Directory.Delete(old, recursive: true);
        }

        return target;
    }

    // A folder that is being written has a temporary name.
    private string? Newest() => Directory.Exists(_checkpoints)
        ? Directory.GetDirectories(_checkpoints, Beginning + "????????").Where(folder => File.Exists(System.IO.Path.Combine(folder, StateName))).Max(StringComparer.Ordinal)
        : null;

    private static long StepOf(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.GetProperty("step").GetInt64();
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return long.MaxValue;
        }
    }
}
