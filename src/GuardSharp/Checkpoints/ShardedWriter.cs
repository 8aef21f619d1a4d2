namespace GuardSharp.Checkpoints;

/// <summary>Writes the files of a <see cref="ShardPlan"/> and their index, tensors in any order.</summary>
/// <remarks>Not safe for concurrent use. Without Commit, Dispose removes what was written.</remarks>
internal sealed class ShardedWriter : IDisposable
{
    private readonly string _folder;
    private readonly ShardPlan _plan;
    private readonly List<SafetensorsWriter> _files = [];
    private readonly Dictionary<string, SafetensorsWriter> _fileOf = new(StringComparer.Ordinal);

    /// <summary>Creates the files.</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="plan">The tensors of each file.</param>
    /// <param name="metadata">Texts for every file.</param>
    /// <exception cref="CheckpointException">An impossible plan, or a folder that cannot be written.</exception>
    public ShardedWriter(string folder, ShardPlan plan, IReadOnlyDictionary<string, string> metadata)
    {
        (_folder, _plan) = (folder, plan);
        try
        {
            for (var i = 0; i < plan.Shards.Count; i++)
            {
                _files.Add(SafetensorsWriter.Create(Path.Combine(folder, plan.FileName(i)), plan.Shards[i], metadata));
                foreach (var tensor in plan.Shards[i])
                {
                    _fileOf.Add(tensor.Name, _files[i]);
                }
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Writes the next bytes of a tensor, little endian.</summary>
    /// <exception cref="CheckpointException">It would become longer than planned, or the disk is full.</exception>
    public void Append(string name, ReadOnlySpan<byte> bytes) => _fileOf[name].Append(name, bytes);

    /// <summary>Checks that every tensor is complete, gives the files their names and writes the index.</summary>
    /// <exception cref="CheckpointException">A tensor is incomplete, or a file cannot be written.</exception>
    public void Commit()
    {
        foreach (var file in _files)
        {
            file.Commit();
        }

        _plan.WriteIndex(_folder);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var file in _files)
        {
            file.Dispose();
        }
    }
}
