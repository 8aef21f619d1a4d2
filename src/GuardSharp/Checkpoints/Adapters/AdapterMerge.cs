using System.Numerics;
using GuardSharp.Checkpoints.Gguf;
using GuardSharp.Checkpoints.Quantization;

namespace GuardSharp.Checkpoints.Adapters;

/// <summary>Writes a model folder whose weights hold an adapter: base + scale * B A, in single precision, rounded to the base's type.</summary>
/// <remarks>Weights are read and written some rows at a time: memory does not grow with the model.</remarks>
/// <param name="folder">The base.</param>
/// <param name="adapter">The open adapter.</param>
internal sealed class AdapterMerge(string folder, Adapter adapter)
{
    // At most 16 MB of singles for 8 MB of halves.
    private const long PieceBytes = 8L << 20;

    private float[] _numbers = [];
    private byte[] _bytes = [];

    /// <summary>Most bytes of weights in a file; a larger tensor has a file of its own.</summary>
    public long ShardBytes { get; init; } = 5_000_000_000;

    /// <summary>Writes the merged folder. It appears under its name with all its files or not at all.</summary>
    /// <param name="output">The folder to be; there must be none, or an empty one.</param>
    /// <param name="progress">Told after each piece how many bytes are written, and how many there will be.</param>
    /// <param name="cancellationToken">Stops; nothing remains.</param>
    /// <returns>How many modules were changed.</returns>
    /// <exception cref="CheckpointException">The base is quantised, is not the adapter's, or the folder cannot be written.</exception>
    public int Run(string output, Action<long, long> progress, CancellationToken cancellationToken)
    {
        if (GgufFile.Find(folder) is { } gguf)
        {
            throw new CheckpointException($"{Path.GetFileName(gguf)}: nothing is merged into a GGUF file. Merge into the folder of safetensors files it was made from, then export that.");
        }

        using var checkpoint = Checkpoint.Open(folder);
        var config = ModelConfig.Read(folder);
        Check(checkpoint, config);
        adapter.Origin?.Require(checkpoint);
        var changes = Changes(checkpoint, config);
        ModelFiles.CheckSpace(output, checkpoint.Tensors.Sum(tensor => tensor.Bytes));
        using var pending = new PendingFolder(output);
        ModelFiles.Copy(folder, pending.Path, GuardManifest.FileName);
        // The recorded hash is that of other weights.
        (GuardManifest.Read(folder) is { } manifest ? manifest with { WeightsSha256 = null } : null)?.Write(pending.Path);
        Copy(checkpoint, changes, pending.Path, progress, cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        pending.Commit();
        return changes.Count;
    }

    private static void Check(Checkpoint checkpoint, IModelConfig config)
    {
        if (checkpoint.Tensors.FirstOrDefault(StoredBlocks.Are) is { } quantised)
        {
            throw new CheckpointException($"{quantised.Description}: nothing is merged into quantised weights. Merge into the weights they were made from, then quantise, or give --adapter where the model is used.");
        }

        var angles = checkpoint.Tensors.Where(tensor => CheckpointFit.IsTableOfAngles(tensor.Name)).Select(tensor => $"{tensor.Description} and unexpected").ToHashSet();
        if (CheckpointFit.Problems(checkpoint, config).FirstOrDefault(problem => !angles.Contains(problem)) is { } problem)
        {
            throw new CheckpointException($"{checkpoint.Folder}: {problem}. Is {ModelConfig.FileName} from the same checkpoint, and are all files there?");
        }
    }

    /// <summary>What is added to which tensor, by its name in the files.</summary>
    private Dictionary<string, Change> Changes(Checkpoint checkpoint, IModelConfig config)
    {
        const string Suffix = ".weight";
        var stored = config.NamesIn(checkpoint);
        var changes = new Dictionary<string, Change>(StringComparer.Ordinal);
        var asked = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (name, shape) in config.Tensors())
        {
            if (shape.Length == 2 && name.EndsWith(Suffix, StringComparison.Ordinal) && adapter.Find(name[..^Suffix.Length], shape[0], shape[1]) is { } pair)
            {
                asked.Add(pair.A.Name);
                changes.Add(stored(name), new Change(pair.A.ToSingles(), pair.B));
            }
        }

        adapter.RequireAllUsed(asked);
        return changes;
    }

    private void Copy(Checkpoint checkpoint, Dictionary<string, Change> changes, string target, Action<long, long> progress, CancellationToken cancellationToken)
    {
        TensorEntry[] tensors = [.. checkpoint.Tensors.OrderBy(tensor => tensor.Name, StringComparer.Ordinal)];
        var plan = ShardPlan.Of(tensors.Select(tensor => new TensorPlan(tensor.Name, tensor.Type, tensor.Shape)), ShardBytes);
        var (done, total) = (0L, plan.Bytes);
        using var writer = new ShardedWriter(target, plan, new Dictionary<string, string> { ["format"] = "pt" });
        foreach (var tensor in tensors)
        {
            var change = changes.GetValueOrDefault(tensor.Name);
            // Whole rows where they change.
            var most = change is null ? PieceBytes : Math.Max(1, PieceBytes / (tensor.Bytes / tensor.Shape[0])) * (tensor.Bytes / tensor.Shape[0]);
            for (long offset = 0; offset < tensor.Bytes; offset += most)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var bytes = (int)Math.Min(most, tensor.Bytes - offset);
                writer.Append(tensor.Name, change is null ? Raw(tensor, offset, bytes) : Merged(tensor, change, offset, bytes));
                progress(done += bytes, total);
            }
        }

        writer.Commit();
    }

    private static unsafe ReadOnlySpan<byte> Raw(TensorEntry tensor, long offset, int bytes) => new((byte*)tensor.Data + offset, bytes);

    /// <summary>The bytes of some rows, changed.</summary>
    private ReadOnlySpan<byte> Merged(TensorEntry tensor, Change change, long offset, int bytes)
    {
        var (columns, rank, size) = ((int)tensor.Shape[1], adapter.Config.Rank, tensor.Type.Size());
        var (first, rows) = (offset / size / columns, bytes / size / columns);
        Grow(ref _numbers, rows * columns);
        Grow(ref _bytes, bytes);
        tensor.CopyTo(first * columns, _numbers.AsSpan(0, rows * columns));
        var up = new float[rows * rank];
        change.B.CopyTo(first * rank, up);
        Parallel.For(0, rows, row =>
        {
            var target = _numbers.AsSpan(row * columns, columns);
            for (var r = 0; r < rank; r++)
            {
                AddScaled(change.A.AsSpan(r * columns, columns), adapter.Config.Scale * up[(row * rank) + r], target);
            }

            RowNumbers.Narrow(target, tensor.Type, _bytes.AsSpan(row * columns * size, columns * size));
        });
        return _bytes.AsSpan(0, bytes);
    }

    private static void AddScaled(ReadOnlySpan<float> values, float factor, Span<float> target)
    {
        var wide = Vector<float>.Count;
        var i = 0;
        for (; i + wide <= target.Length; i += wide)
        {
            (new Vector<float>(target[i..]) + (new Vector<float>(values[i..]) * factor)).CopyTo(target[i..]);
        }

        for (; i < target.Length; i++)
        {
            target[i] += values[i] * factor;
        }
    }

    private static void Grow<T>(ref T[] array, int length) => array = array.Length >= length ? array : new T[length];

    private sealed record Change(float[] A, TensorEntry B);
}
