using System.Numerics;
using GuardSharp.Imaging;

namespace GuardSharp.Lab.Attacks.Pixels;

/// <summary>A resize as the product Down . plane . Across^T of the preprocessor's own coefficients, without its rounding, and the transposed product.</summary>
/// <remarks>
/// Rounding to bytes after each product, and the clipping that follows, are taken for the identity on the way back (straight-through, arXiv:1308.3432).
/// The matrices have a few numbers in each row, so the products run over these alone.
/// </remarks>
/// <param name="width">Columns before.</param>
/// <param name="height">Rows before.</param>
/// <param name="newWidth">Columns after.</param>
/// <param name="newHeight">Rows after.</param>
internal sealed class PlaneResize(int width, int height, int newWidth, int newHeight)
{
    private readonly Axis _across = new(width, newWidth);
    private readonly Axis _down = new(height, newHeight);

    /// <summary>Columns after.</summary>
    public int Width => newWidth;

    /// <summary>Rows after.</summary>
    public int Height => newHeight;

    /// <summary>Resizes one plane.</summary>
    /// <param name="plane">[height, width].</param>
    /// <returns>[newHeight, newWidth].</returns>
    public float[] Apply(ReadOnlySpan<float> plane)
    {
        var wide = new float[height * newWidth];
        for (var y = 0; y < height; y++)
        {
            _across.Gather(plane.Slice(y * width, width), wide.AsSpan(y * newWidth, newWidth));
        }

        var resized = new float[newHeight * newWidth];
        for (var y = 0; y < newHeight; y++)
        {
            foreach (var (source, weight) in _down.Row(y))
            {
                AddScaled(wide.AsSpan(source * newWidth, newWidth), weight, resized.AsSpan(y * newWidth, newWidth));
            }
        }

        return resized;
    }

    /// <summary>What a gradient of the resized plane is for the plane: the transposed products, in the other order.</summary>
    /// <param name="gradient">[newHeight, newWidth].</param>
    /// <param name="result">[height, width]; the gradient is added to it.</param>
    public void AddTransposed(ReadOnlySpan<float> gradient, Span<float> result)
    {
        var wide = new float[height * newWidth];
        for (var y = 0; y < newHeight; y++)
        {
            foreach (var (source, weight) in _down.Row(y))
            {
                AddScaled(gradient.Slice(y * newWidth, newWidth), weight, wide.AsSpan(source * newWidth, newWidth));
            }
        }

        for (var y = 0; y < height; y++)
        {
            _across.Scatter(wide.AsSpan(y * newWidth, newWidth), result.Slice(y * width, width));
        }
    }

    private static void AddScaled(ReadOnlySpan<float> source, float weight, Span<float> target)
    {
        var (factor, x) = (new Vector<float>(weight), 0);
        for (; x <= source.Length - Vector<float>.Count; x += Vector<float>.Count)
        {
            (new Vector<float>(target[x..]) + (factor * new Vector<float>(source[x..]))).CopyTo(target[x..]);
        }

        for (; x < source.Length; x++)
        {
            target[x] += weight * source[x];
        }
    }

    /// <summary>One axis' matrix by its rows.</summary>
    private sealed class Axis
    {
        private readonly ResamplingCoefficients _coefficients;
        private readonly float[] _weights;

        public Axis(int size, int newSize)
        {
            _coefficients = new ResamplingCoefficients(size, newSize);
            _weights = [.. _coefficients.Weights.ToArray().Select(weight => (float)weight)];
        }

        /// <summary>The numbers of a row that are not zero by themselves: column and weight.</summary>
        public IEnumerable<(int Column, float Weight)> Row(int row)
        {
            for (var j = 0; j < _coefficients.Counts[row]; j++)
            {
                yield return (_coefficients.Starts[row] + j, _weights[(row * _coefficients.MaxCount) + j]);
            }
        }

        /// <summary>target = matrix . source.</summary>
        public void Gather(ReadOnlySpan<float> source, Span<float> target)
        {
            var starts = _coefficients.Starts;
            var counts = _coefficients.Counts;
            for (var i = 0; i < target.Length; i++)
            {
                var sum = 0f;
                for (var j = 0; j < counts[i]; j++)
                {
                    sum += _weights[(i * _coefficients.MaxCount) + j] * source[starts[i] + j];
                }

                target[i] = sum;
            }
        }

        /// <summary>target += matrix^T . source.</summary>
        public void Scatter(ReadOnlySpan<float> source, Span<float> target)
        {
            var starts = _coefficients.Starts;
            var counts = _coefficients.Counts;
            for (var i = 0; i < source.Length; i++)
            {
                for (var j = 0; j < counts[i]; j++)
                {
                    target[starts[i] + j] += _weights[(i * _coefficients.MaxCount) + j] * source[i];
                }
            }
        }
    }
}
