using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;

namespace GuardSharp.Checkpoints;

/// <summary>A safetensors file, mapped into memory read-only. Opening reads the header alone; the data comes in as it is touched.</summary>
/// <remarks>Safe from any thread until disposed. A file that another process cuts off while it is mapped ends this process, as with any mapping.</remarks>
internal sealed unsafe class SafetensorsFile : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly Dictionary<string, TensorEntry> _tensors;
    private readonly byte* _start;
    private bool _disposed;

    private SafetensorsFile(string path, long bytes, MemoryMappedFile file)
    {
        FileName = Path.GetFileName(path);
        Bytes = bytes;
        _file = file;
        _view = file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
        try
        {
            var prefix = BinaryPrimitives.ReadUInt64LittleEndian(new ReadOnlySpan<byte>(_start, SafetensorsHeader.PrefixBytes));
            var headerBytes = SafetensorsHeader.ReadLength(FileName, prefix, bytes);
            DataStart = SafetensorsHeader.PrefixBytes + headerBytes;
            var header = SafetensorsHeader.Parse(
                FileName, new ReadOnlySpan<byte>(_start + SafetensorsHeader.PrefixBytes, headerBytes), bytes - DataStart);
            Metadata = header.Metadata;
            _tensors = new Dictionary<string, TensorEntry>(header.Tensors.Count);
            foreach (var (name, type, shape, begin, end) in header.Tensors)
            {
                _tensors.Add(name, new TensorEntry(name, type, shape, (nint)(_start + DataStart + begin), end - begin, FileName));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The file's name without its folder.</summary>
    public string FileName { get; }

    /// <summary>Length of the file.</summary>
    public long Bytes { get; }

    /// <summary>Where the data begins in the file.</summary>
    public long DataStart { get; }

    /// <summary>The texts of <c>__metadata__</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The tensors, in the order of their data.</summary>
    public IReadOnlyCollection<TensorEntry> Tensors => _tensors.Values;

    /// <summary>Maps a file and checks its header.</summary>
    /// <exception cref="CheckpointException">The file is missing, unreadable or damaged; the message names the file and the tensor.</exception>
    public static SafetensorsFile Open(string path)
    {
        var name = Path.GetFileName(path);
        try
        {
            var handle = File.OpenHandle(path);
            var bytes = RandomAccess.GetLength(handle);
            if (bytes < SafetensorsHeader.PrefixBytes)
            {
                handle.Dispose();
                throw new CheckpointException($"{name}: {bytes} bytes are no safetensors file, which has at least 8. Download it again.");
            }

            var file = MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            return new SafetensorsFile(path, bytes, file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new CheckpointException($"{name}: the file cannot be read: {exception.Message}", exception);
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

    /// <summary>A piece of the file, for hashing.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="count">Bytes, at most what the file has from there.</param>
    public ReadOnlySpan<byte> Slice(long offset, int count)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + count, Bytes);
        return new ReadOnlySpan<byte>(_start + offset, count);
    }

    /// <summary>Unmaps the file. Addresses of its tensors must not be used any more.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }
}
