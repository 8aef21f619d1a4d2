using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>Scales that lie between the numbers, as in GGUF. One by one they would cost as much as the products.</summary>
internal static unsafe class ScatteredScales
{
    /// <summary>Bytes of GGUF's Q4_0: a scale and 32 numbers of four bits.</summary>
    public const int Q4Pitch = 18;

    private const int Q8Pitch = 34;

    // Blocks that are done at once.
    private const int Few = 4;

    /// <summary>Brings the scales of neighbouring blocks together.</summary>
    /// <param name="source">The first scale. The numbers of its block follow it.</param>
    /// <param name="pitch">Bytes between two scales.</param>
    /// <param name="count">Number of blocks.</param>
    /// <param name="target">A scale for each block.</param>
    public static void Gather(byte* source, int pitch, int count, ushort* target)
    {
        // The distances as constants: their sums would cost more than the loads.
        var done = pitch switch
        {
            Q4Pitch => GatherFours(source, count, target),
            Q8Pitch => GatherEights(source, count, target),
            _ => 0,
        };
        for (source += (nint)done * pitch; done < count; done++, source += pitch)
        {
            target[done] = Unsafe.ReadUnaligned<ushort>(source);
        }
    }

    private static int GatherFours(byte* source, int count, ushort* target)
    {
        var done = 0;
        for (; done + Few <= count; done += Few, source += Few * Q4Pitch)
        {
            if (Avx512BW.IsSupported)
            {
                var places = Vector512.CreateScalarUnsafe(0x001B_0012_0009_0000).AsInt16();
                Unsafe.WriteUnaligned(target + done, Avx512BW.PermuteVar32x16(Vector512.Load((short*)source), places).AsInt64().ToScalar());
            }
            else
            {
                GatherFew<Four>(source, target + done);
            }
        }

        return done;
    }

    private static int GatherEights(byte* source, int count, ushort* target)
    {
        var done = 0;
        for (; done + Few <= count; done += Few, source += Few * Q8Pitch)
        {
            if (Avx512BW.IsSupported)
            {
                var places = Vector512.CreateScalarUnsafe(0x0033_0022_0011_0000).AsInt16();
                var scales = Avx512BW.PermuteVar32x16x2(Vector512.Load((short*)source), places, Vector512.Load((short*)source + 32));
                Unsafe.WriteUnaligned(target + done, scales.AsInt64().ToScalar());
            }
            else
            {
                GatherFew<Eight>(source, target + done);
            }
        }

        return done;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void GatherFew<TPitch>(byte* source, ushort* target) where TPitch : struct, IPitch
    {
        target[0] = Unsafe.ReadUnaligned<ushort>(source);
        target[1] = Unsafe.ReadUnaligned<ushort>(source + TPitch.Bytes);
        target[2] = Unsafe.ReadUnaligned<ushort>(source + (2 * TPitch.Bytes));
        target[3] = Unsafe.ReadUnaligned<ushort>(source + (3 * TPitch.Bytes));
    }

    private interface IPitch
    {
        static abstract int Bytes { get; }
    }

    private readonly struct Four : IPitch
    {
        public static int Bytes => Q4Pitch;
    }

    private readonly struct Eight : IPitch
    {
        public static int Bytes => Q8Pitch;
    }
}
