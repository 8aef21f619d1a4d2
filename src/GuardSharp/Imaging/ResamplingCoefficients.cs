namespace GuardSharp.Imaging;

/// <summary>
/// The weights by which one axis is resized: output pixel i is the weighted mean of Counts[i] input pixels from Starts[i] on. A triangle
/// (bilinear) filter, widened when shrinking ("antialias").
/// </summary>
/// <remarks>
/// Computed in double as Pillow and torchvision do, then rounded to fixed point: of 22 bits in Pillow, of as many as keep weights in 16 bits in
/// torchvision's fast path (tests/golden/README.md, "Preprocessing, exact"). A resize is two matrix products with <see cref="ToMatrix"/>, one for each axis,
/// but for the rounding to bytes after each.
/// </remarks>
internal sealed class ResamplingCoefficients
{
    /// <summary>The weight's largest fixed-point precision in bits, Pillow's own: 32 bits - 8 of the byte - 2 of head room.</summary>
    public const int PillowPrecision = 22;

    private readonly int[] _starts;
    private readonly int[] _counts;
    private readonly double[] _weights;
    private readonly int[] _fixedWeights;

    /// <summary>Computes the weights of resizing an axis.</summary>
    /// <param name="inputSize">Pixels before, at least 1.</param>
    /// <param name="outputSize">Pixels after, at least 1.</param>
    /// <param name="precision">Bits of the fixed weights; null: as many as keep the largest below 2^15, as torchvision has them.</param>
    public ResamplingCoefficients(int inputSize, int outputSize, int? precision = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(inputSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(outputSize, 1);
        (InputSize, OutputSize) = (inputSize, outputSize);
        var scale = (double)inputSize / outputSize;
        var support = Math.Max(scale, 1.0);
        MaxCount = Math.Min(((int)Math.Ceiling(support) * 2) + 1, inputSize);
        _starts = new int[outputSize];
        _counts = new int[outputSize];
        _weights = new double[outputSize * MaxCount];
        for (var i = 0; i < outputSize; i++)
            FillRow(i, (i + 0.5) * scale, support);

        Precision = precision ?? FixedPrecision(_weights.Max());
        _fixedWeights = Array.ConvertAll(_weights, w => (int)(0.5 + (w * (1 << Precision))));
    }

    /// <summary>Pixels of the axis before.</summary>
    public int InputSize { get; }

    /// <summary>Pixels of the axis after.</summary>
    public int OutputSize { get; }

    /// <summary>Weights kept for each output pixel; those past Counts[i] are zero.</summary>
    public int MaxCount { get; }

    /// <summary>A fixed weight of 2^Precision means 1.</summary>
    public int Precision { get; }

    /// <summary>First input pixel of each output pixel, [OutputSize].</summary>
    public ReadOnlySpan<int> Starts => _starts;

    /// <summary>Number of input pixels of each output pixel, [OutputSize].</summary>
    public ReadOnlySpan<int> Counts => _counts;

    /// <summary>The exact weights, [OutputSize, MaxCount]; each row sums to 1.</summary>
    public ReadOnlySpan<double> Weights => _weights;

    /// <summary>The weights times 2^Precision, rounded, [OutputSize, MaxCount].</summary>
    public ReadOnlySpan<int> FixedWeights => _fixedWeights;

    /// <summary>The exact weights as a dense matrix [OutputSize, InputSize], row-major: resized = Rows . picture . Columns^T.</summary>
    public float[] ToMatrix()
    {
        var matrix = new float[OutputSize * InputSize];
        for (var i = 0; i < OutputSize; i++)
        {
            for (var j = 0; j < _counts[i]; j++)
                matrix[(i * InputSize) + _starts[i] + j] = (float)_weights[(i * MaxCount) + j];
        }

        return matrix;
    }

    private void FillRow(int i, double center, double support)
    {
        var start = Math.Max((int)(center - support + 0.5), 0);
        var count = Math.Min((int)(center + support + 0.5), InputSize) - start;
        var row = _weights.AsSpan(i * MaxCount, count);
        var inverse = 1.0 / support;
        var sum = 0.0;
        for (var j = 0; j < count; j++)
        {
            row[j] = Math.Max(0.0, 1.0 - Math.Abs((j + start - center + 0.5) * inverse));
            sum += row[j];
        }

        for (var j = 0; j < count; j++)
            row[j] /= sum;
        (_starts[i], _counts[i]) = (start, count);
    }

    private static int FixedPrecision(double largest)
    {
        var precision = 0;
        while (precision < PillowPrecision && (int)(0.5 + (largest * (1 << (precision + 1)))) < 1 << 15)
            precision++;
        return precision;
    }
}
