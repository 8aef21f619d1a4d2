using System.Runtime.CompilerServices;

namespace GuardSharp.Tensors.Cpu;

/// <summary>The inner loops, written once for every vector width.</summary>
/// <remarks>Optimised at once: a first call runs them millions of times, and tiered compilation would start with unoptimised vector code.</remarks>
internal sealed unsafe partial class Kernels<TSimd, TVector> : Kernels
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    public override int Lanes => TSimd.Lanes;

    /// <remarks>24 vectors of sums for 32 registers (AVX-512), 12 for 16.</remarks>
    public override int TileRows => TSimd.Lanes == 16 ? 12 : 6;

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

    public override void Widen(byte* source, WeightType type, float* destination, int length)
    {
        switch (type)
        {
            case WeightType.BF16:
                Widen<StoredBFloat16<TSimd, TVector>>(source, destination, length);
                break;
            case WeightType.F16:
                Widen<StoredHalf<TSimd, TVector>>(source, destination, length);
                break;
            default:
                Widen<StoredSingle<TSimd, TVector>>(source, destination, length);
                break;
        }
    }

    public override void Dots(float* x, int rows, byte* w, WeightType type, int outputs, int inputs, float* y, nint yPitch)
    {
        switch (type)
        {
            case WeightType.BF16:
                Dots<StoredBFloat16<TSimd, TVector>>(x, rows, w, outputs, inputs, y, yPitch);
                break;
            case WeightType.F16:
                Dots<StoredHalf<TSimd, TVector>>(x, rows, w, outputs, inputs, y, yPitch);
                break;
            default:
                Dots<StoredSingle<TSimd, TVector>>(x, rows, w, outputs, inputs, y, yPitch);
                break;
        }
    }

    public override void Tile(in TileFactors factors, float* panel, nint panelStep, int count, float* tile, int rows, int vectors, bool accumulate)
    {
        switch (rows, vectors)
        {
            case ( > 8, > 1):
                TileKernel<TSimd, TVector>.Run<Tile12x2>(factors, panel, panelStep, count, tile, accumulate);
                break;
            case ( > 8, _):
                TileKernel<TSimd, TVector>.Run<Tile12x1>(factors, panel, panelStep, count, tile, accumulate);
                break;
            case ( > 6, > 1):
                TileKernel<TSimd, TVector>.Run<Tile8x2>(factors, panel, panelStep, count, tile, accumulate);
                break;
            case ( > 6, _):
                TileKernel<TSimd, TVector>.Run<Tile8x1>(factors, panel, panelStep, count, tile, accumulate);
                break;
            case ( > 4, > 1):
                TileKernel<TSimd, TVector>.Run<Tile6x2>(factors, panel, panelStep, count, tile, accumulate);
                break;
            case ( > 4, _):
                TileKernel<TSimd, TVector>.Run<Tile6x1>(factors, panel, panelStep, count, tile, accumulate);
                break;
            case (_, > 1):
                TileKernel<TSimd, TVector>.Run<Tile4x2>(factors, panel, panelStep, count, tile, accumulate);
                break;
            default:
                TileKernel<TSimd, TVector>.Run<Tile4x1>(factors, panel, panelStep, count, tile, accumulate);
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Mask(float* scores, int keys, int vectors, float firstKey, float* lowest, float* highest)
    {
        var hidden = TSimd.Create(NoKey);
        for (var lane = 0; lane < vectors * TSimd.Lanes; lane += TSimd.Lanes)
        {
            var (low, high) = (TSimd.Load(lowest + lane), TSimd.Load(highest + lane));
            var score = scores + lane;
            for (var key = 0; key < keys; key++, score += vectors * TSimd.Lanes)
            {
                var position = TSimd.Create(firstKey + key);
                var visible = TSimd.SelectLess(high, position, hidden, TSimd.Load(score));
                TSimd.Store(TSimd.SelectLess(position, low, hidden, visible), score);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Softmax(float* scores, int keys, int vectors, float scale, float* highest, float* total, float* output, int outputRows)
    {
        var width = vectors * TSimd.Lanes;
        var factor = TSimd.Create(scale);
        for (var lane = 0; lane < width; lane += TSimd.Lanes)
        {
            var before = TSimd.Load(highest + lane);
            var most = before;
            var score = scores + lane;
            for (var key = 0; key < keys; key++, score += width) most = TSimd.Max(most, TSimd.Load(score));
            TSimd.Store(most, highest + lane);

            var offset = TSimd.Multiply(most, factor);
            var sum = TSimd.Create(0);
            score = scores + lane;
            for (var key = 0; key < keys; key++, score += width)
            {
                var share = SimdMath<TSimd, TVector>.Exp(TSimd.Subtract(TSimd.Multiply(TSimd.Load(score), factor), offset));
                TSimd.Store(share, score);
                sum = TSimd.Add(sum, share);
            }

            var shrink = SimdMath<TSimd, TVector>.Exp(TSimd.Subtract(TSimd.Multiply(before, factor), offset));
            TSimd.Store(TSimd.MultiplyAdd(TSimd.Load(total + lane), shrink, sum), total + lane);
            var result = output + lane;
            for (var row = 0; row < outputRows; row++, result += width) TSimd.Store(TSimd.Multiply(TSimd.Load(result), shrink), result);
        }
    }

    private static void Dots<TNumber>(float* x, int rows, byte* w, int outputs, int inputs, float* y, nint yPitch) where TNumber : struct, IStoredNumber<TVector>
    {
        if (rows == 4)
        {
            DotKernel<TSimd, TVector, TNumber>.Four(x, w, outputs, inputs, y, yPitch);
            return;
        }

        for (var row = 0; row < rows; row++)
        {
            DotKernel<TSimd, TVector, TNumber>.One(x + ((nint)row * inputs), w, outputs, inputs, y + (row * yPitch));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Widen<TNumber>(byte* source, float* destination, int length) where TNumber : struct, IStoredNumber<TVector>
    {
        nint i = 0;
        for (; i <= length - TSimd.Lanes; i += TSimd.Lanes) TSimd.Store(TNumber.Load(source + (i * TNumber.Size)), destination + i);
        for (; i < length; i++) destination[i] = TNumber.LoadOne(source + (i * TNumber.Size));
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
