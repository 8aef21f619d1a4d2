using System.Buffers.Binary;

namespace GuardSharp.Checkpoints;

/// <summary>A safetensors file, mapped into memory read-only. Opening reads the header alone; the data comes in as it is touched.</summary>
/// <remarks>Safe from any thread until disposed.</remarks>
internal sealed unsafe class SafetensorsFile : IWeightsFile
{
    private readonly MappedFile _file;
    private readonly Dictionary<string, TensorEntry> _tensors;

    private SafetensorsFile(MappedFile file)
    {
        _file = file;
        var prefix = BinaryPrimitives.ReadUInt64LittleEndian(file.Slice(0, SafetensorsHeader.PrefixBytes));
        var headerBytes = SafetensorsHeader.ReadLength(FileName, prefix, file.Bytes);
        DataStart = SafetensorsHeader.PrefixBytes + headerBytes;
        var header = SafetensorsHeader.Parse(FileName, file.Slice(SafetensorsHeader.PrefixBytes, headerBytes), file.Bytes - DataStart);
        Metadata = header.Metadata;
        _tensors = new Dictionary<string, TensorEntry>(header.Tensors.Count);
        foreach (var (name, type, shape, begin, end) in header.Tensors)
        {
            _tensors.Add(name, new TensorEntry(name, type, shape, (nint)(file.Start + DataStart + begin), end - begin, FileName));
        }
    }

    /// <inheritdoc/>
    public string FileName => _file.FileName;

    /// <inheritdoc/>
    public long Bytes => _file.Bytes;

    /// <inheritdoc/>
    public long DataStart { get; }

    /// <inheritdoc/>
    /// <remarks>The texts of <c>__metadata__</c>.</remarks>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The tensors, in the order of their data.</summary>
    public IReadOnlyCollection<TensorEntry> Tensors => _tensors.Values;

    /// <summary>Maps a file and checks its header.</summary>
    /// <exception cref="CheckpointException">The file is missing, unreadable or damaged; the message names the file and the tensor.</exception>
    public static SafetensorsFile Open(string path)
    {
        var file = MappedFile.Open(path, "safetensors", SafetensorsHeader.PrefixBytes);
        try
        {
            return new SafetensorsFile(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Finds a tensor by its exact name.</summary>
    public bool TryGet(string name, [System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out TensorEntry entry) =>
        _tensors.TryGetValue(name, out entry);

    /// <summary>Finds a tensor that must be there.</summary>
    /// <exception cref="CheckpointException">It is not.</exception>
    public TensorEntry Get(string name) => TryGet(name, out var entry)
        ? entry
        : throw new CheckpointException($"{FileName}: there is no tensor \"{Printable.Of(name)}\".");

    /// <inheritdoc/>
    public ReadOnlySpan<byte> Slice(long offset, int count) => _file.Slice(offset, count);

    /// <summary>Unmaps the file. Addresses of its tensors must not be used any more.</summary>
    public void Dispose() => _file.Dispose();
}
