using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>Reads blocks of 32 weights as they are stored.</summary>
internal static unsafe class Stored
{
    private const int Size = BlockWeight.BlockSize;
    private const int ScalesAtOnce = 64;
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
            for (var block = 0; block < length; block++)
            {
                // The division only where it is needed: it would cost as much as the block's product.
                var scale = first + start + block;
                scale = layout.BlocksPerScale == 1 ? scale : scale / layout.BlocksPerScale;
                var place = source + ((nint)scale * layout.ScalePitch);
                if (Sse.IsSupported)
                {
                    // The numbers lie around the scales: this is the first that touches them.
                    Sse.Prefetch0(place + FetchAhead);
                }

                gathered[block] = Unsafe.ReadUnaligned<ushort>(place);
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Write<TStorage>(byte* source, int pitch, int count, WeightForm form, byte* target) where TStorage : struct, IBlockStorage
    {
        for (; count > 0; count--, source += pitch)
        {
            if (form == WeightForm.Unsigned)
            {
                Unsigned<TStorage>(source).Store(target);
                target += Size;
                continue;
            }

            var (low, high) = Signed<TStorage>(source);
            if (form == WeightForm.Signed)
            {
                low.Store((sbyte*)target);
                high.Store((sbyte*)target + 16);
                target += Size;
                continue;
            }

            var words = (short*)target;
            Vector128.WidenLower(low).Store(words);
            Vector128.WidenUpper(low).Store(words + 8);
            Vector128.WidenLower(high).Store(words + 16);
            Vector128.WidenUpper(high).Store(words + 24);
            target += Size * sizeof(short);
        }
    }
}
