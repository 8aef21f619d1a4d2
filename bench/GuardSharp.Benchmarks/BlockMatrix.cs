using System.Runtime.InteropServices;
using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Gguf;
using GuardSharp.Tensors;

namespace GuardSharp.Benchmarks;

/// <summary>A quantised matrix in memory of its own, as quantised folders hold it: numbers of a row in blocks of 32, scales apart.</summary>
internal sealed unsafe class BlockMatrix : IDisposable
{
    private const int ScaleBytes = 2;

    private readonly MatrixSize size;
    private readonly byte* numbers;
    private readonly Half* scales;

    /// <param name="size">Shapes; inputs a multiple of 32.</param>
    /// <param name="type">Eight or four bits.</param>
    /// <param name="values">[Outputs, Inputs].</param>
    public BlockMatrix(MatrixSize size, BlockType type, float[] values)
    {
        (this.size, Type) = (size, type);
        var stored = type == BlockType.Int8 ? TensorType.Q80 : TensorType.Q40;
        var (blocks, blockBytes) = (values.Length / BlockWeight.BlockSize, stored.BlockBytes());
        var packed = new byte[(long)blocks * blockBytes];
        Quantisation.Run(stored, values, packed);
        numbers = (byte*)NativeMemory.AlignedAlloc((nuint)blocks * (nuint)BytesOfBlock, 64);
        scales = (Half*)NativeMemory.AlignedAlloc((nuint)blocks * ScaleBytes, 64);
        for (var block = 0; block < blocks; block++)
        {
            var from = packed.AsSpan(block * blockBytes, blockBytes);
            scales[block] = MemoryMarshal.Read<Half>(from);
            from[ScaleBytes..].CopyTo(new Span<byte>(numbers + ((long)block * BytesOfBlock), BytesOfBlock));
        }

        var perRow = size.Inputs / BlockWeight.BlockSize;
        Weight = new BlockWeight("w", size.Outputs, size.Inputs, type, new BlockLayout(
            (nint)numbers, BytesOfBlock, (long)perRow * BytesOfBlock, (nint)scales, ScaleBytes, (long)perRow * ScaleBytes, BlocksPerScale: 1));
    }

    public BlockType Type { get; }

    public BlockWeight Weight { get; }

    private int BytesOfBlock => Type == BlockType.Int8 ? BlockWeight.BlockSize : BlockWeight.BlockSize / 2;

    /// <summary>The same numbers as MatMulNBits wants them: without sign, four bits in the order of the inputs, scales in single precision.</summary>
    public (byte[] Numbers, float[] Scales) ForOnnx()
    {
        var blocks = (int)((long)size.Outputs * size.Inputs / BlockWeight.BlockSize);
        var result = new byte[(long)blocks * BytesOfBlock];
        for (var block = 0; block < blocks; block++)
        {
            var from = numbers + ((long)block * BytesOfBlock);
            var to = result.AsSpan(block * BytesOfBlock, BytesOfBlock);
            for (var i = 0; i < BytesOfBlock; i++)
            {
                to[i] = Type == BlockType.Int8 ? (byte)(from[i] + 128) : (byte)(Nibble(from, 2 * i) | (Nibble(from, (2 * i) + 1) << 4));
            }
        }

        return (result, [.. Enumerable.Range(0, blocks).Select(block => (float)scales[block])]);
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(numbers);
        NativeMemory.AlignedFree(scales);
    }

    private static int Nibble(byte* block, int index) => index < 16 ? block[index] & 0xF : block[index - 16] >> 4;
}
