namespace GuardSharp.Tensors.Cpu;

/// <summary>Compares inner loops with the plainest computation of the same, in float64, on fixed random numbers.</summary>
internal sealed unsafe class KernelCheck
{
    private const int Inputs = 67;
    private const int Outputs = 5;
    private const int TileRows = 12;

    // Sums of 67 products below 1, and functions of single numbers: float32 is off by some 1e-6.
    private const double Tolerance = 2e-5;

    private readonly float[] x = Numbers(1, RowAddresses.Most * Inputs);
    private readonly float[] w = Numbers(2, TileRows * Inputs);

    /// <summary>Whether products, norms and functions come out right.</summary>
    public bool Passes(Kernels kernels)
    {
        fixed (float* rows = x, weights = w)
        {
            return TilesPass(kernels, rows, weights)
                && DotsPass(kernels, rows, weights, WeightType.F32)
                && DotsPass(kernels, rows, weights, WeightType.BF16)
                && DotsPass(kernels, rows, weights, WeightType.F16)
                && NormPasses(kernels, rows, weights)
                && FunctionPasses(kernels, rows);
        }
    }

    private bool TilesPass(Kernels kernels, float* rows, float* weights)
    {
        var width = 2 * kernels.Lanes;
        var panel = stackalloc float[Inputs * RowAddresses.Most];
        var tile = stackalloc float[TileRows * RowAddresses.Most];
        Transposition.Pack(new RowAddresses(rows, 0, width, Inputs).Span, Inputs, panel, width);
        kernels.Tile(new TileFactors(weights, Inputs, 1), panel, width, Inputs, tile, kernels.TileRows, 2, false);
        kernels.Tile(new TileFactors(weights, Inputs, 1), panel, width, Inputs, tile, kernels.TileRows, 2, true);
        for (var i = 0; i < kernels.TileRows * width; i++)
        {
            if (!Near(2 * Product(i % width, i / width, WeightType.F32), tile[i]))
            {
                return false;
            }
        }

        return true;
    }

    private bool DotsPass(Kernels kernels, float* rows, float* weights, WeightType type)
    {
        var stored = stackalloc ushort[2 * Outputs * Inputs];
        var source = type == WeightType.F32 ? (byte*)weights : (byte*)stored;
        for (var i = 0; i < Outputs * Inputs && type != WeightType.F32; i++)
        {
            stored[i] = type == WeightType.F16 ? BitConverter.HalfToUInt16Bits((Half)weights[i]) : (ushort)(BitConverter.SingleToUInt32Bits(weights[i]) >> 16);
        }

        var y = stackalloc float[4 * Outputs];
        foreach (var count in (ReadOnlySpan<int>)[1, 4])
        {
            kernels.Dots(rows, count, source, type, Outputs, Inputs, y, Outputs);
            for (var i = 0; i < count * Outputs; i++)
            {
                if (!Near(Product(i / Outputs, i % Outputs, type), y[i]))
                {
                    return false;
                }
            }
        }

        return true;
    }

    private bool NormPasses(Kernels kernels, float* rows, float* weights)
    {
        var y = stackalloc float[Inputs];
        kernels.RmsNorm(rows, weights, y, Inputs, 1e-5f);
        var square = 0.0;
        for (var i = 0; i < Inputs; i++)
        {
            square += (double)x[i] * x[i];
        }

        for (var i = 0; i < Inputs; i++)
        {
            if (!Near(x[i] / Math.Sqrt((square / Inputs) + 1e-5) * w[i], y[i]))
            {
                return false;
            }
        }

        return true;
    }

    private bool FunctionPasses(Kernels kernels, float* rows)
    {
        const int length = 64;
        var y = stackalloc float[length];
        kernels.Elementwise(Element.SwiGlu, rows, rows + length, y, length);
        for (var i = 0; i < length; i++)
        {
            if (!Near(x[i] / (1 + Math.Exp(-x[i])) * x[length + i], y[i]))
            {
                return false;
            }
        }

        return true;
    }

    private double Product(int row, int output, WeightType type)
    {
        var sum = 0.0;
        for (var i = 0; i < Inputs; i++)
        {
            var value = w[(output * Inputs) + i];
            var stored = type switch
            {
                WeightType.F16 => (float)(Half)value,
                WeightType.BF16 => BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(value) & 0xFFFF0000),
                _ => value,
            };
            sum += (double)x[(row * Inputs) + i] * stored;
        }

        return sum;
    }

    // Written so that NaN is not near.
    private static bool Near(double expected, float actual) => Math.Abs(expected - actual) <= Tolerance;

    private static float[] Numbers(int seed, int count)
    {
        var random = new Random(seed);
        var numbers = new float[count];
        for (var i = 0; i < count; i++)
        {
            numbers[i] = (random.NextSingle() * 2) - 1;
        }

        return numbers;
    }
}
