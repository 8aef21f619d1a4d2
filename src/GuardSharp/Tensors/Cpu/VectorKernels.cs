using System.Runtime.CompilerServices;

namespace GuardSharp.Tensors.Cpu;

/// <summary>The inner loops, written once for every vector width.</summary>
/// <remarks>Optimised at once: a first call runs them millions of times, and tiered compilation would start with unoptimised vector code.</remarks>
internal sealed unsafe class Kernels<TSimd, TVector> : Kernels
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    public override int Lanes => TSimd.Lanes;

    public override void Elementwise(Element operation, float* a, float* b, float* y, long length)
    {
        switch (operation)
        {
            case Element.Add:
                Each<Addition>(a, b, y, length);
                break;
            case Element.Multiply:
                Each<Product>(a, b, y, length);
                break;
            case Element.Silu:
                Each<Silu>(a, a, y, length);
                break;
            case Element.Gelu:
                Each<Gelu>(a, a, y, length);
                break;
            case Element.Sigmoid:
                Each<Sigmoid>(a, a, y, length);
                break;
            default:
                Each<SwiGlu>(a, b, y, length);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Scale(float* x, float factor, float* y, int length)
    {
        var factors = TSimd.Create(factor);
        var i = 0;
        for (; i <= length - TSimd.Lanes; i += TSimd.Lanes) TSimd.Store(TSimd.Multiply(TSimd.Load(x + i), factors), y + i);
        for (; i < length; i++) y[i] = x[i] * factor;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddScaled(float* x, float factor, float* y, long length)
    {
        var factors = TSimd.Create(factor);
        for (long i = 0; i < length; i += TSimd.Lanes) TSimd.Store(TSimd.MultiplyAdd(TSimd.Load(x + i), factors, TSimd.Load(y + i)), y + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void RmsNorm(float* x, float* weight, float* y, int length, float epsilon)
    {
        var squares = TSimd.Create(0);
        var i = 0;
        for (; i <= length - TSimd.Lanes; i += TSimd.Lanes)
        {
            var value = TSimd.Load(x + i);
            squares = TSimd.MultiplyAdd(value, value, squares);
        }

        var sum = TSimd.Sum(squares);
        for (; i < length; i++) sum += x[i] * x[i];
        var factor = 1 / MathF.Sqrt((sum / length) + epsilon);
        if (weight is null)
        {
            Scale(x, factor, y, length);
            return;
        }

        var factors = TSimd.Create(factor);
        for (i = 0; i <= length - TSimd.Lanes; i += TSimd.Lanes)
        {
            TSimd.Store(TSimd.Multiply(TSimd.Multiply(TSimd.Load(x + i), factors), TSimd.Load(weight + i)), y + i);
        }

        for (; i < length; i++) y[i] = x[i] * factor * weight[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void LayerNorm(float* x, float* weight, float* bias, float* y, int length, float epsilon)
    {
        var sums = TSimd.Create(0);
        var i = 0;
        for (; i <= length - TSimd.Lanes; i += TSimd.Lanes) sums = TSimd.Add(sums, TSimd.Load(x + i));
        var sum = TSimd.Sum(sums);
        for (; i < length; i++) sum += x[i];
        var mean = sum / length;

        var means = TSimd.Create(mean);
        var squares = TSimd.Create(0);
        for (i = 0; i <= length - TSimd.Lanes; i += TSimd.Lanes)
        {
            var difference = TSimd.Subtract(TSimd.Load(x + i), means);
            squares = TSimd.MultiplyAdd(difference, difference, squares);
        }

        var square = TSimd.Sum(squares);
        for (; i < length; i++) square += (x[i] - mean) * (x[i] - mean);
        var factor = 1 / MathF.Sqrt((square / length) + epsilon);
        var factors = TSimd.Create(factor);
        for (i = 0; i <= length - TSimd.Lanes; i += TSimd.Lanes)
        {
            var normal = TSimd.Multiply(TSimd.Subtract(TSimd.Load(x + i), means), factors);
            TSimd.Store(TSimd.MultiplyAdd(normal, TSimd.Load(weight + i), TSimd.Load(bias + i)), y + i);
        }

        for (; i < length; i++) y[i] = ((x[i] - mean) * factor * weight[i]) + bias[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Widen(byte* source, WeightType type, float* destination, int length)
    {
        var i = 0;
        switch (type)
        {
            case WeightType.BF16:
                for (; i <= length - TSimd.Lanes; i += TSimd.Lanes) TSimd.Store(TSimd.LoadBFloat16((ushort*)source + i), destination + i);
                for (; i < length; i++) destination[i] = BitConverter.UInt32BitsToSingle((uint)((ushort*)source)[i] << 16);
                break;
            case WeightType.F16:
                for (; i <= length - TSimd.Lanes; i += TSimd.Lanes) TSimd.Store(TSimd.LoadHalf((ushort*)source + i), destination + i);
                for (; i < length; i++) destination[i] = (float)((Half*)source)[i];
                break;
            default:
                for (; i <= length - TSimd.Lanes; i += TSimd.Lanes) TSimd.Store(TSimd.Load((float*)source + i), destination + i);
                for (; i < length; i++) destination[i] = ((float*)source)[i];
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override float Dot(float* x, byte* w, WeightType type, int length)
    {
        var i = 0;
        var sums = TSimd.Create(0);
        float sum;
        switch (type)
        {
            case WeightType.BF16:
                for (; i <= length - TSimd.Lanes; i += TSimd.Lanes) sums = TSimd.MultiplyAdd(TSimd.LoadBFloat16((ushort*)w + i), TSimd.Load(x + i), sums);
                sum = TSimd.Sum(sums);
                for (; i < length; i++) sum += x[i] * BitConverter.UInt32BitsToSingle((uint)((ushort*)w)[i] << 16);
                return sum;
            case WeightType.F16:
                for (; i <= length - TSimd.Lanes; i += TSimd.Lanes) sums = TSimd.MultiplyAdd(TSimd.LoadHalf((ushort*)w + i), TSimd.Load(x + i), sums);
                sum = TSimd.Sum(sums);
                for (; i < length; i++) sum += x[i] * (float)((Half*)w)[i];
                return sum;
            default:
                for (; i <= length - TSimd.Lanes; i += TSimd.Lanes) sums = TSimd.MultiplyAdd(TSimd.Load((float*)w + i), TSimd.Load(x + i), sums);
                sum = TSimd.Sum(sums);
                for (; i < length; i++) sum += x[i] * ((float*)w)[i];
                return sum;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Each<TOperation>(float* a, float* b, float* y, long length) where TOperation : struct, IElement
    {
        for (long i = 0; i < length; i += TSimd.Lanes) TSimd.Store(TOperation.Apply(TSimd.Load(a + i), TSimd.Load(b + i)), y + i);
    }

    private interface IElement
    {
        static abstract TVector Apply(TVector a, TVector b);
    }

    private readonly struct Addition : IElement
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply(TVector a, TVector b) => TSimd.Add(a, b);
    }

    private readonly struct Product : IElement
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply(TVector a, TVector b) => TSimd.Multiply(a, b);
    }

    private readonly struct Silu : IElement
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply(TVector a, TVector b) => TSimd.Multiply(a, SimdMath<TSimd, TVector>.Sigmoid(a));
    }

    private readonly struct Gelu : IElement
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply(TVector a, TVector b) => SimdMath<TSimd, TVector>.Gelu(a);
    }

    private readonly struct Sigmoid : IElement
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply(TVector a, TVector b) => SimdMath<TSimd, TVector>.Sigmoid(a);
    }

    private readonly struct SwiGlu : IElement
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TVector Apply(TVector a, TVector b) => TSimd.Multiply(TSimd.Multiply(a, SimdMath<TSimd, TVector>.Sigmoid(a)), b);
    }
}
