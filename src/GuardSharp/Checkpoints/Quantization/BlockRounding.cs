using System.Runtime.Intrinsics;

namespace GuardSharp.Checkpoints.Quantization;

/// <summary>How far rounded numbers are from their own.</summary>
/// <param name="Squares">Sum of the squared differences.</param>
/// <param name="Total">Sum of the squared numbers.</param>
/// <param name="Largest">Largest difference.</param>
internal readonly record struct RoundingError(double Squares, double Total, float Largest)
{
    /// <summary>Root of the mean squared difference over that of the numbers; 0 where all numbers are 0.</summary>
    public double Relative => Total > 0 ? Math.Sqrt(Squares / Total) : 0;

    /// <summary>Both together.</summary>
    public RoundingError With(RoundingError other) => new(Squares + other.Squares, Total + other.Total, Math.Max(Largest, other.Largest));
}

/// <summary>Rounds rows of numbers to blocks of 32 whole numbers and a scale. The same numbers give the same bytes on every processor.</summary>
/// <remarks>
/// Eight bits: scale = largest size / 127. Four bits: of some scales around (number of largest size) / -8 the one whose rounded numbers, times their
/// best factor, leave the smallest squared error; the idea is that of GGML's quantisation functions. The scale is rounded to half precision first,
/// the numbers with the rounded scale. All sums are in a fixed order and without fused multiplication.
/// </remarks>
internal static unsafe class BlockRounding
{
    private const int Lanes = 8;

    // The number of largest size becomes about -8 (first list) or 7 (second). Steps of a quarter: finer ones gain under 0.1 % of the error.
    private static ReadOnlySpan<float> Targets => [-8f, -7.75f, -8.25f, -7.5f, -8.5f, -7.25f, -8.75f, -7f, -9f, -6.75f, -6.5f, -6.25f, -6f, 7f, 6.75f, 7.25f, 6.5f, 7.5f, 6.25f, 6f];

    /// <summary>Rounds a row.</summary>
    /// <param name="values">The numbers, filled up with zeros to whole blocks.</param>
    /// <param name="importance">What a squared error of each input counts, filled up with zeros; null: all the same.</param>
    /// <param name="blocks">Blocks of the row.</param>
    /// <param name="plan">Format and group.</param>
    /// <param name="numbers">Where the blocks go.</param>
    /// <param name="scales">Where the scales go, as halves.</param>
    public static RoundingError Row(float* values, float* importance, int blocks, PlannedWeight plan, byte* numbers, ushort* scales)
    {
        var perScale = plan.Group / StoredBlocks.BlockSize;
        var blockBytes = plan.Format == NumberFormat.Int8 ? StoredBlocks.BlockSize : StoredBlocks.BlockSize / 2;
        var error = default(RoundingError);
        for (var first = 0; first < blocks; first += perScale)
        {
            var count = Math.Min(perScale, blocks - first) * StoredBlocks.BlockSize;
            var at = first * StoredBlocks.BlockSize;
            var scale = (Half)(plan.Format == NumberFormat.Int8 ? ScaleOfEight(values + at, count) : ScaleOfFour(values + at, importance is null ? null : importance + at, count));
            scales[first / perScale] = BitConverter.HalfToUInt16Bits(scale);
            for (var i = 0; i < count; i += StoredBlocks.BlockSize)
            {
                var target = numbers + (((long)at + i) / StoredBlocks.BlockSize * blockBytes);
                error = error.With(Block(values + at + i, (float)scale, plan.Format == NumberFormat.Int8, target));
            }
        }

        return error;
    }

    private static float ScaleOfEight(float* values, int count)
    {
        var most = Vector256<float>.Zero;
        for (var i = 0; i < count; i += Lanes)
        {
            most = Vector256.MaxNative(Vector256.Abs(Vector256.Load(values + i)), most);
        }

        return Greatest(most) / 127;
    }

    private static float ScaleOfFour(float* values, float* importance, int count)
    {
        var (most, least) = (Vector256<float>.Zero, Vector256<float>.Zero);
        for (var i = 0; i < count; i += Lanes)
        {
            var v = Vector256.Load(values + i);
            (most, least) = (Vector256.MaxNative(v, most), Vector256.MaxNative(-v, least));
        }

        var (above, below) = (Greatest(most), Greatest(least));
        var extreme = below > above ? -below : above;
        if (extreme == 0)
        {
            return 0;
        }

        var (best, bestGain) = (extreme / -8, 0f);
        foreach (var target in Targets)
        {
            var (products, squares) = Fit(values, importance, count, target / extreme);
            // With the best factor products / squares the error is the sum of squares of the numbers less this.
            var gain = squares > 0 ? products * products / squares : 0;
            if (gain > bestGain)
            {
                (best, bestGain) = (products / squares, gain);
            }
        }

        return best;
    }

    /// <summary>Sums of number * rounded and rounded * rounded for a scale.</summary>
    private static (float Products, float Squares) Fit(float* values, float* importance, int count, float inverse)
    {
        var (products, squares) = (Vector256<float>.Zero, Vector256<float>.Zero);
        for (var i = 0; i < count; i += Lanes)
        {
            var v = Vector256.Load(values + i);
            var rounded = Clamped(v * inverse, -8, 7);
            var weighted = importance is null ? rounded : rounded * Vector256.Load(importance + i);
            products += v * weighted;
            squares += rounded * weighted;
        }

        return (Sum(products), Sum(squares));
    }

    /// <summary>Rounds 32 numbers and stores them.</summary>
    private static RoundingError Block(float* values, float scale, bool eight, byte* target)
    {
        var inverse = scale == 0 ? 0 : 1 / scale;
        var (low, high) = eight ? (-127f, 127f) : (-8f, 7f);
        var q = stackalloc Vector256<int>[4];
        var (squares, total, most) = (Vector256<float>.Zero, Vector256<float>.Zero, Vector256<float>.Zero);
        for (var i = 0; i < 4; i++)
        {
            var v = Vector256.Load(values + (i * Lanes));
            var rounded = Clamped(v * inverse, low, high);
            var difference = v - (rounded * scale);
            squares += difference * difference;
            total += v * v;
            most = Vector256.MaxNative(Vector256.Abs(difference), most);
            q[i] = Vector256.ConvertToInt32Native(rounded);
        }

        var bytes = Vector256.Narrow(Vector256.Narrow(q[0], q[1]), Vector256.Narrow(q[2], q[3]));
        if (eight)
        {
            bytes.Store((sbyte*)target);
        }
        else
        {
            var nibbles = (bytes + Vector256.Create((sbyte)8)).AsByte();
            (nibbles.GetLower() | (nibbles.GetUpper() << 4)).Store(target);
        }

        return new RoundingError(Sum(squares), Sum(total), Greatest(most));
    }

    private static Vector256<float> Clamped(Vector256<float> values, float low, float high) =>
        Vector256.MinNative(Vector256.MaxNative(Vector256.Round(values), Vector256.Create(low)), Vector256.Create(high));

    private static float Sum(Vector256<float> v)
    {
        var half = v.GetLower() + v.GetUpper();
        return half[0] + half[2] + (half[1] + half[3]);
    }

    private static float Greatest(Vector256<float> v)
    {
        var half = Vector128.MaxNative(v.GetLower(), v.GetUpper());
        return Math.Max(Math.Max(half[0], half[1]), Math.Max(half[2], half[3]));
    }
}
