using System.IO.MemoryMappedFiles;

namespace GuardSharp.Checkpoints;

/// <summary>A file of weights: tensors and the bytes they lie in.</summary>
internal interface IWeightsFile : IDisposable
{
    /// <summary>The file's name without its folder.</summary>
    string FileName { get; }

    /// <summary>Length of the file.</summary>
    long Bytes { get; }

    /// <summary>Where the data begins in the file.</summary>
    long DataStart { get; }

    /// <summary>The tensors by the names of the published safetensors files.</summary>
    IReadOnlyCollection<TensorEntry> Tensors { get; }

    /// <summary>What the file says of itself, as texts.</summary>
    IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>A piece of the file, for hashing.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="count">Bytes, at most what the file has from there.</param>
    ReadOnlySpan<byte> Slice(long offset, int count);
}

/// <summary>A file, mapped into memory read-only: its bytes come in as they are touched.</summary>
/// <remarks>Safe from any thread until disposed. A file that another process cuts off while it is mapped ends this process, as with any mapping.</remarks>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _start;
    private bool _disposed;

    private MappedFile(string path, long bytes, MemoryMappedFile file)
    {
        FileName = Path.GetFileName(path);
        Bytes = bytes;
        _file = file;
        _view = file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
    }

    /// <summary>The file's name without its folder.</summary>
    public string FileName { get; }

    /// <summary>Length of the file.</summary>
    public long Bytes { get; }

    /// <summary>Address of the first byte.</summary>
    public byte* Start => _start;

    /// <summary>Maps a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="kind">What it should be, for messages, such as "safetensors".</param>
    /// <param name="leastBytes">A file of that kind has at least as many; at least 1.</param>
    /// <exception cref="CheckpointException">The file is missing, unreadable or too short.</exception>
    public static MappedFile Open(string path, string kind, int leastBytes)
    {
        var name = Path.GetFileName(path);
        try
        {
            var handle = File.OpenHandle(path);
            var bytes = RandomAccess.GetLength(handle);
            if (bytes < leastBytes)
            {
                handle.Dispose();
                throw new CheckpointException($"{name}: {bytes} bytes are no {kind} file, which has at least {leastBytes}. Download it again.");
            }

            var file = MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            return new MappedFile(path, bytes, file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new CheckpointException($"{name}: the file cannot be read: {exception.Message}", exception);
        }
    }

    /// <summary>A piece of the file.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="count">Bytes, at most what the file has from there.</param>
    public ReadOnlySpan<byte> Slice(long offset, int count)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + count, Bytes);
        return new ReadOnlySpan<byte>(_start + offset, count);
    }

    /// <summary>Unmaps the file. Addresses in it must not be used any more.</summary>
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
