using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>Reads blocks of 32 weights as they are stored.</summary>
internal static unsafe class Stored
{
    private const int Size = BlockWeight.BlockSize;
    private const int ScalesAtOnce = 512;
    private const int CacheLine = 64;

    /// <summary>Bytes between what is read and what is asked for: far enough for the memory's latency at full speed.</summary>
    public const int FetchAhead = 4096;

    /// <summary>Bytes of a block.</summary>
    public static int BytesOf(BlockType type) => type == BlockType.Int4 ? Size / 2 : Size;

    /// <summary>A block's numbers with the offset of its storage added.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Unsigned<TStorage>(byte* block) where TStorage : struct, IBlockStorage
    {
        if (TStorage.Type == BlockType.Int8)
        {
            return Vector256.Load(block) ^ Vector256.Create((byte)0x80);
        }

        var pairs = Vector128.Load(block);
        return Vector256.Create(pairs & Vector128.Create((byte)0xF), Vector128.ShiftRightLogical(pairs, 4));
    }

    /// <summary>A block's numbers, 16 and 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<sbyte> Low, Vector128<sbyte> High) Signed<TStorage>(byte* block) where TStorage : struct, IBlockStorage
    {
        if (TStorage.Type == BlockType.Int8)
        {
            return (Vector128.Load((sbyte*)block), Vector128.Load((sbyte*)block + 16));
        }

        var pairs = Vector128.Load(block);
        var offset = Vector128.Create((sbyte)8);
        return ((pairs & Vector128.Create((byte)0xF)).AsSByte() - offset, Vector128.ShiftRightLogical(pairs, 4).AsSByte() - offset);
    }

    /// <summary>Writes neighbouring blocks of a row in the form a path takes.</summary>
    /// <param name="weight">The weight.</param>
    /// <param name="row">Its row.</param>
    /// <param name="first">The first block.</param>
    /// <param name="count">Number of blocks.</param>
    /// <param name="form">The form.</param>
    /// <param name="target">32 numbers a block.</param>
    public static void Write(BlockWeight weight, int row, int first, int count, WeightForm form, byte* target)
    {
        var source = (byte*)weight.Layout.Numbers + (row * weight.Layout.RowPitch) + ((long)first * weight.Layout.BlockPitch);
        if (weight.Type == BlockType.Int4)
        {
            Write<FourBits>(source, weight.Layout.BlockPitch, count, form, target);
        }
        else
        {
            Write<EightBits>(source, weight.Layout.BlockPitch, count, form, target);
        }
    }

    /// <summary>The scales of neighbouring blocks of a row.</summary>
    /// <param name="kernels">Converts them.</param>
    /// <param name="weight">The weight.</param>
    /// <param name="row">Its row.</param>
    /// <param name="first">The first block.</param>
    /// <param name="count">Number of blocks.</param>
    /// <param name="target">A scale for each block.</param>
    [SkipLocalsInit]
    public static void WriteScales(Kernels kernels, BlockWeight weight, int row, int first, int count, float* target)
    {
        var layout = weight.Layout;
        var source = (byte*)layout.Scales + (row * layout.ScaleRowPitch);
        if (layout.ScalePitch == sizeof(ushort) && layout.BlocksPerScale == 1)
        {
            kernels.Widen(source + ((long)first * sizeof(ushort)), WeightType.F16, target, count);
            return;
        }

        var gathered = stackalloc ushort[ScalesAtOnce];
        for (var start = 0; start < count; start += ScalesAtOnce)
        {
            var length = Math.Min(ScalesAtOnce, count - start);
            if (layout.BlocksPerScale == 1)
            {
                ScatteredScales.Gather(source + ((nint)(first + start) * layout.ScalePitch), layout.ScalePitch, length, gathered);
            }
            else
            {
                for (var block = 0; block < length; block++)
                {
                    gathered[block] = Unsafe.ReadUnaligned<ushort>(source + ((nint)((first + start + block) / layout.BlocksPerScale) * layout.ScalePitch));
                }
            }

            // A vector of halves at a time: one by one their conversion would cost more than the block's product.
            kernels.Widen((byte*)gathered, WeightType.F16, target + start, length);
        }
    }

    /// <summary>Asks for the scales of neighbouring rows, where they lie apart from the numbers, before they are needed.</summary>
    public static void FetchScales(BlockWeight weight, int row, int count)
    {
        if (!Sse.IsSupported || weight.Layout.ScalePitch != sizeof(ushort))
        {
            return;
        }

        var source = (byte*)weight.Layout.Scales + (row * weight.Layout.ScaleRowPitch);
        for (long i = 0; i < count * weight.Layout.ScaleRowPitch; i += CacheLine)
        {
            Sse.Prefetch0(source + i);
        }
    }

    /// <summary>Asks for neighbouring blocks of a row, with their scales, into the second-level cache.</summary>
    public static void Fetch(BlockWeight weight, int row, int first, int count)
    {
        if (!Sse.IsSupported)
        {
            return;
        }

        var layout = weight.Layout;
        Fetch((byte*)layout.Numbers + (row * layout.RowPitch) + ((long)first * layout.BlockPitch), (long)count * layout.BlockPitch);
        if (layout.ScalePitch == sizeof(ushort))
        {
            Fetch((byte*)layout.Scales + (row * layout.ScaleRowPitch) + ((long)first / layout.BlocksPerScale * sizeof(ushort)), (long)count * sizeof(ushort) / layout.BlocksPerScale);
        }
    }

    private static void Fetch(byte* source, long length)
    {
        for (long i = 0; i < length; i += CacheLine)
        {
            Sse.Prefetch1(source + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Write<TStorage>(byte* source, int pitch, int count, WeightForm form, byte* target) where TStorage : struct, IBlockStorage
    {
        switch (form)
        {
            case WeightForm.Unsigned:
                WriteUnsigned<TStorage>(source, pitch, count, target);
                break;
            case WeightForm.Signed:
                for (; count > 0; count--, source += pitch, target += Size)
                {
                    var (low, high) = Signed<TStorage>(source);
                    low.Store((sbyte*)target);
                    high.Store((sbyte*)target + 16);
                }

                break;
            default:
                for (; count > 0; count--, source += pitch, target += Size * sizeof(short))
                {
                    var (low, high) = Signed<TStorage>(source);
                    var numbers = Vector256.Create(low, high);
                    Vector256.WidenLower(numbers).Store((short*)target);
                    Vector256.WidenUpper(numbers).Store((short*)target + 16);
                }

                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteUnsigned<TStorage>(byte* source, int pitch, int count, byte* target) where TStorage : struct, IBlockStorage
    {
        if (TStorage.Type == BlockType.Int4 && Avx2.IsSupported)
        {
            // Two blocks fill a vector: half the instructions.
            var mask = Vector256.Create((byte)0xF);
            for (; count >= 2; count -= 2, source += 2 * pitch, target += 2 * Size)
            {
                var pairs = Vector256.Create(Vector128.Load(source), Vector128.Load(source + pitch));
                var (low, high) = (pairs & mask, Vector256.ShiftRightLogical(pairs.AsUInt16(), 4).AsByte() & mask);
                Avx2.Permute2x128(low, high, 0x20).Store(target);
                Avx2.Permute2x128(low, high, 0x31).Store(target + Size);
            }
        }

        for (; count > 0; count--, source += pitch, target += Size)
        {
            Unsigned<TStorage>(source).Store(target);
        }
    }
}
