using System.Runtime.Intrinsics;

namespace GuardSharp.Checkpoints.Gguf;

/// <summary>Singles to halves, several at a time: .NET's own conversion goes one by one.</summary>
internal static class HalfNumbers
{
    // Bits of single precision.
    private const uint Sign = 0x8000_0000;
    private const uint One = 0x3F00_0000;          // 0.5, whose last bit is 2^-24: the smallest half
    private const uint LeastNormal = 0x3880_0000;  // 2^-14, the smallest half without leading zeros
    private const uint Infinite = 0x477F_F000;     // 65520, from which on a number rounds to infinity
    private const uint BiasDifference = 112 << 23; // of the exponents

    /// <summary>The nearest halves, ties to even: what a cast to <see cref="Half"/> gives, but for the payload of a NaN.</summary>
    /// <param name="values">The numbers.</param>
    /// <param name="halves">As many.</param>
    public static void Convert(ReadOnlySpan<float> values, Span<ushort> halves)
    {
        var i = 0;
        for (; i + Vector256<float>.Count <= values.Length; i += Vector256<float>.Count)
        {
            var bits = Narrowed(Vector256.Create(values.Slice(i, Vector256<float>.Count)));
            Vector128.Narrow(bits.GetLower(), bits.GetUpper()).CopyTo(halves[i..]);
        }

        for (; i < values.Length; i++)
        {
            halves[i] = BitConverter.HalfToUInt16Bits((Half)values[i]);
        }
    }

    private static Vector256<uint> Narrowed(Vector256<float> values)
    {
        var bits = values.AsUInt32();
        var size = bits & Vector256.Create(~Sign);
        // To the nearest of 13 bits fewer: half of the last kept bit, less one unless that bit is set, carries into it.
        var rounded = size + Vector256.Create(0xFFFu) + ((size >>> 13) & Vector256<uint>.One);
        var normal = (rounded - Vector256.Create(BiasDifference)) >>> 13;
        // Adding 0.5 leaves multiples of 2^-24 in the last bits, rounded by the addition itself.
        var small = (size.AsSingle() + Vector256.Create(0.5f)).AsUInt32() - Vector256.Create(One);
        var large = Vector256.ConditionalSelect(
            Vector256.GreaterThan(size, Vector256.Create(0x7F80_0000u)), Vector256.Create(0x7E00u), Vector256.Create(0x7C00u));
        var result = Vector256.ConditionalSelect(Vector256.LessThan(size, Vector256.Create(LeastNormal)), small, normal);
        result = Vector256.ConditionalSelect(Vector256.LessThan(size, Vector256.Create(Infinite)), result, large);
        return result | ((bits & Vector256.Create(Sign)) >>> 16);
    }
}
