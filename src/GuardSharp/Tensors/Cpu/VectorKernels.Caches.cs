using System.Runtime.CompilerServices;

namespace GuardSharp.Tensors.Cpu;

/// <summary>The inner loops of KV caches: float32 to what they keep, and back.</summary>
internal sealed unsafe partial class Kernels<TSimd, TVector>
{
    /// <summary>Below this the numbers of a head are kept as zeros: 127 / it would leave float32's range.</summary>
    private const float SmallestAmplitude = 1e-35f;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override bool NarrowToHalf(float* x, ushort* y, int length)
    {
        var differences = TSimd.Create(0);
        var i = 0;
        for (; i <= length - TSimd.Lanes; i += TSimd.Lanes)
        {
            var value = TSimd.Load(x + i);
            TSimd.StoreHalf(value, y + i);
            differences = TSimd.Add(differences, TSimd.Subtract(value, value));
        }

        // A number minus itself is 0, but NaN for an infinity or NaN.
        var difference = TSimd.Sum(differences);
        for (; i < length; i++)
        {
            y[i] = BitConverter.HalfToUInt16Bits((Half)Math.Clamp(x[i], -65504f, 65504f));
            difference += x[i] - x[i];
        }

        return difference == 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override float NarrowToInt8(float* x, sbyte* y, int length)
    {
        var mosts = TSimd.Create(0);
        var differences = TSimd.Create(0);
        var i = 0;
        for (; i <= length - TSimd.Lanes; i += TSimd.Lanes)
        {
            var value = TSimd.Load(x + i);
            mosts = TSimd.Max(mosts, TSimd.Abs(value));
            differences = TSimd.Add(differences, TSimd.Subtract(value, value));
        }

        var (most, difference) = (Highest(mosts), TSimd.Sum(differences));
        for (; i < length; i++) (most, difference) = (Math.Max(most, Math.Abs(x[i])), difference + (x[i] - x[i]));
        var inverse = most > SmallestAmplitude ? 127 / most : 0;
        var factors = TSimd.Create(inverse);
        for (i = 0; i <= length - TSimd.Lanes; i += TSimd.Lanes) TSimd.StoreInt8(TSimd.Multiply(TSimd.Load(x + i), factors), y + i);
        for (; i < length; i++) y[i] = (sbyte)MathF.Round(x[i] * inverse);
        return (most / 127) + difference;
    }

    public override void Widen(in KeptRows rows, int first, int count, int length, float* destination)
    {
        switch (rows.Type)
        {
            case KeyValueType.F16:
                for (var row = 0; row < count; row++) Widen<StoredFiniteHalf<TSimd, TVector>>(rows.Row(first + row), destination + ((nint)row * length), length);
                break;
            case KeyValueType.Int8:
                for (var row = 0; row < count; row++) WidenInt8((sbyte*)rows.Row(first + row), rows.Scale(first + row), destination + ((nint)row * length), length);
                break;
            default:
                for (var row = 0; row < count; row++) Widen<StoredSingle<TSimd, TVector>>(rows.Row(first + row), destination + ((nint)row * length), length);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WidenInt8(sbyte* source, float scale, float* destination, int length)
    {
        var scales = TSimd.Create(scale);
        var i = 0;
        for (; i <= length - TSimd.Lanes; i += TSimd.Lanes) TSimd.Store(TSimd.Multiply(TSimd.LoadInt8(source + i), scales), destination + i);
        for (; i < length; i++) destination[i] = source[i] * scale;
    }

    private static float Highest(TVector value)
    {
        var lanes = stackalloc float[TSimd.Lanes];
        TSimd.Store(value, lanes);
        var most = 0f;
        for (var i = 0; i < TSimd.Lanes; i++) most = Math.Max(most, lanes[i]);
        return most;
    }
}
