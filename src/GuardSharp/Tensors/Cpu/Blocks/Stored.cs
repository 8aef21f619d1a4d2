using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>Reads blocks of 32 weights as they are stored.</summary>
internal static unsafe class Stored
{
    private const int Size = BlockWeight.BlockSize;

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
    public static void WriteScales(Kernels kernels, BlockWeight weight, int row, int first, int count, float* target)
    {
        var layout = weight.Layout;
        var source = (byte*)layout.Scales + (row * layout.ScaleRowPitch);
        if (layout.ScalePitch == sizeof(ushort) && layout.BlocksPerScale == 1)
        {
            kernels.Widen(source + ((long)first * sizeof(ushort)), WeightType.F16, target, count);
            return;
        }

        for (var block = 0; block < count; block++)
        {
            target[block] = (float)Unsafe.ReadUnaligned<Half>(source + ((long)((first + block) / layout.BlocksPerScale) * layout.ScalePitch));
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
