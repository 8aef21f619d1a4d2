using System.Diagnostics.CodeAnalysis;
using GuardSharp.Checkpoints.Gguf;
using GuardSharp.Checkpoints.Quantization;

namespace GuardSharp.Checkpoints;

/// <summary>The weights of a model folder: model.safetensors, or the shards that model.safetensors.index.json names, or a GGUF file.</summary>
/// <remarks>Knows names, shapes and bytes; not what a network does with them. Safe from any thread until disposed.</remarks>
internal sealed class Checkpoint : IDisposable
{
    /// <summary>The file of a checkpoint without shards.</summary>
    public const string SingleFileName = "model.safetensors";

    private readonly IWeightsFile[] _files;
    private readonly Dictionary<string, TensorEntry> _tensors = [];
    private readonly Lock _digestGate = new();
    private WeightsDigest? _digest;

    private Checkpoint(string folder, IWeightsFile[] files)
    {
        Folder = folder;
        _files = files;
        foreach (var file in files)
        {
            foreach (var tensor in file.Tensors)
            {
                if (!_tensors.TryAdd(tensor.Name, tensor))
                {
                    throw new CheckpointException($"{file.FileName}: tensor \"{Printable.Of(tensor.Name)}\" is also in "
                        + $"{_tensors[tensor.Name].File}. Remove the shards of another checkpoint from the folder.");
                }
            }
        }
    }

    /// <summary>The model folder.</summary>
    public string Folder { get; }

    /// <summary>The names of all tensors.</summary>
    public IReadOnlyCollection<string> Names => _tensors.Keys;

    /// <summary>All tensors.</summary>
    public IReadOnlyCollection<TensorEntry> Tensors => _tensors.Values;

    /// <summary>The weights' files, in the order of their names.</summary>
    public IReadOnlyList<IWeightsFile> Files => _files;

    /// <summary>Whether products of quantised weights round their activations a whole row at a time: the files say so.</summary>
    public bool ActivationsPerToken => Array.Exists(_files, file =>
        file.Metadata.TryGetValue(QuantisationRecord.Activations.Key, out var activations) && activations == QuantisationRecord.Activations.PerToken);

    /// <summary>What tells these weights from others. The first use computes it: about 15 ms for 12 MB, most of it for loading the cryptography.</summary>
    public WeightsDigest Digest
    {
        get
        {
            lock (_digestGate)
            {
                return _digest ??= WeightsDigest.Compute(_files);
            }
        }
    }

    /// <summary>The hexadecimal digits of <see cref="Digest"/>.</summary>
    public string Sha256 => Digest.Hex;

    /// <summary>Maps the weights of a model folder, or of one GGUF file, and checks every header.</summary>
    /// <exception cref="CheckpointException">A file is missing or damaged, or index and shards disagree; the message names file and tensor.</exception>
    public static Checkpoint Open(string folder)
    {
        if (GgufFile.Find(folder) is { } gguf)
        {
            return OpenFiles(Path.GetDirectoryName(Path.GetFullPath(gguf))!, [Path.GetFileName(gguf)], GgufFile.Open);
        }

        if (!Directory.Exists(folder))
        {
            throw new CheckpointException($"There is no folder \"{Printable.Of(folder)}\". Give the folder that holds config.json and {SingleFileName}.");
        }

        // The order of the reference loader (transformers): one file first, then the index.
        if (File.Exists(Path.Combine(folder, SingleFileName)))
        {
            return OpenFiles(folder, [SingleFileName], SafetensorsFile.Open);
        }

        var indexPath = Path.Combine(folder, ShardIndex.FileName);
        if (!File.Exists(indexPath))
        {
            throw new CheckpointException($"\"{Printable.Of(folder)}\" holds neither {SingleFileName} nor {ShardIndex.FileName}, nor a GGUF file. Is it a model folder?");
        }

        var index = ShardIndex.Read(indexPath);
        foreach (var shard in index.Values.Distinct())
        {
            if (!File.Exists(Path.Combine(folder, shard)))
            {
                throw new CheckpointException($"{shard}: the shard that {ShardIndex.FileName} names is missing. Download it into the same folder.");
            }
        }

        var checkpoint = OpenFiles(folder, index.Values.Distinct(), SafetensorsFile.Open);
        try
        {
            checkpoint.CheckIndex(index);
            return checkpoint;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Finds a tensor by its exact name.</summary>
    public bool TryGet(string name, [MaybeNullWhen(false)] out TensorEntry entry) => _tensors.TryGetValue(name, out entry);

    /// <summary>Finds a tensor that must be there.</summary>
    /// <exception cref="CheckpointException">It is not.</exception>
    public TensorEntry Get(string name) => TryGet(name, out var entry)
        ? entry
        : throw new CheckpointException(
            $"{Folder}: there is no tensor \"{Printable.Of(name)}\" in the weights. Is config.json from the same checkpoint?");

    /// <summary>Computes <see cref="Digest"/> on another thread, so that start-up need not wait for it.</summary>
    public Task<WeightsDigest> DigestAsync() => Task.Run(() => Digest);

    /// <summary>Unmaps the files, after a digest under way has ended. Addresses of tensors must not be used any more.</summary>
    public void Dispose()
    {
        lock (_digestGate)
        {
            foreach (var file in _files)
            {
                file.Dispose();
            }
        }

    }

    private static Checkpoint OpenFiles(string folder, IEnumerable<string> names, Func<string, IWeightsFile> open)
    {
        var files = new List<IWeightsFile>();
        try
        {
            var sorted = names.ToArray();
            Array.Sort(sorted, StringComparer.Ordinal);
            foreach (var name in sorted)
            {
                files.Add(open(Path.Combine(folder, name)));
            }

            return new Checkpoint(folder, [.. files]);
        }
        catch
        {
            files.ForEach(file => file.Dispose());
            throw;
        }
    }

    private void CheckIndex(IReadOnlyDictionary<string, string> index)
    {
        foreach (var (name, shard) in index)
        {
            if (!_tensors.TryGetValue(name, out var tensor) || tensor.File != shard)
            {
                throw new CheckpointException($"{shard}: tensor \"{Printable.Of(name)}\" is not in it, though {ShardIndex.FileName} says so. "
                    + "Are all files from the same checkpoint?");
            }
        }

        foreach (var tensor in _tensors.Values)
        {
            if (!index.ContainsKey(tensor.Name))
            {
                throw new CheckpointException($"{tensor.File}: tensor \"{Printable.Of(tensor.Name)}\" is not in {ShardIndex.FileName}. "
                    + "Are all files from the same checkpoint?");
            }
        }
    }
}
