using System.Runtime.InteropServices;

namespace GuardSharp.Checkpoints.Gguf;

/// <summary>Tensors of GGML's block types as F16, for those that no kernel reads as they are: made once for each tensor that a network asks for.</summary>
/// <remarks>
/// Memory: 2 bytes for each number, of the process's own, beside the mapped file (Llama Guard 3 8B: 16 GB, 1B: 2.5 GB). Rounding to F16
/// changes a number by at most 1/2048 of it, far less than the quantisation did. Safe from any thread until disposed.
/// </remarks>
internal sealed unsafe class DequantisedTensors : IDisposable
{
    // Numbers that one task makes at a time: 64 Ki, whole blocks of every type.
    private const int PieceNumbers = 1 << 16;
    private const nuint Alignment = 64;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, TensorEntry> _made = [];
    private readonly List<nint> _memory = [];
    private bool _disposed;

    /// <summary>The tensor itself, or its F16 form where its type is one of blocks.</summary>
    /// <exception cref="CheckpointException">There is not enough memory.</exception>
    public TensorEntry Readable(TensorEntry entry)
    {
        if (entry.Type.BlockSize() == 1)
        {
            return entry;
        }

        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_made.TryGetValue(entry.Name, out var made))
            {
                return made;
            }

            var bytes = entry.Count * sizeof(Half);
            made = entry with { Type = TensorType.F16, Data = Allocate(entry, bytes), Bytes = bytes };
            Convert(entry, (Half*)made.Data);
            _made.Add(entry.Name, made);
            return made;
        }
    }

    /// <summary>Frees the memory. Addresses of its tensors must not be used any more.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            foreach (var address in _memory)
            {
                NativeMemory.AlignedFree((void*)address);
            }

            _memory.Clear();
            _made.Clear();
        }
    }

    private nint Allocate(TensorEntry entry, long bytes)
    {
        try
        {
            var address = (nint)NativeMemory.AlignedAlloc((nuint)Math.Max(1, bytes), Alignment);
            _memory.Add(address);
            return address;
        }
        catch (OutOfMemoryException exception)
        {
            throw new CheckpointException($"{entry.Description}: {bytes} bytes of memory for it in F16 are not there. Use a smaller model.", exception);
        }
    }

    private static void Convert(TensorEntry entry, Half* target)
    {
        var (size, blockBytes) = (entry.Type.BlockSize(), entry.Type.BlockBytes());
        var pieces = (entry.Count + PieceNumbers - 1) / PieceNumbers;
        Parallel.For(
            0L,
            pieces,
            () => new float[PieceNumbers],
            (piece, _, values) =>
            {
                var first = piece * PieceNumbers;
                var count = (int)Math.Min(PieceNumbers, entry.Count - first);
                var blocks = new ReadOnlySpan<byte>((byte*)entry.Data + (first / size * blockBytes), count / size * blockBytes);
                Dequantisation.Run(entry.Type, blocks, values);
                HalfNumbers.Convert(values.AsSpan(0, count), new Span<ushort>((ushort*)target + first, count));
                return values;
            },
            _ => { });
    }
}
