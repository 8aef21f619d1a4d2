using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace GuardSharp.Imaging;

/// <summary>Resizes pictures byte for byte as torchvision and Pillow do: the horizontal pass first, rounded to bytes, then the vertical one.</summary>
/// <remarks>Source: tests/golden/README.md, "Preprocessing, exact". Plain integer arithmetic, so every machine gives the same bytes.</remarks>
internal static class Resampler
{
    /// <summary>The picture in another size; the same object when the size is the same. Aspect is the caller's matter.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="width">New width in pixels, at least 1.</param>
    /// <param name="height">New height in pixels, at least 1.</param>
    /// <param name="precision">Bits of the weights: <see cref="ResamplingCoefficients.PillowPrecision"/>, or null for torchvision's.</param>
    public static RgbaImage Resize(RgbaImage image, int width, int height, int? precision = null)
    {
        // An axis that keeps its size is skipped: its weights would be the identity.
        var wide = width == image.Width ? image : ResizeRows(image, new ResamplingCoefficients(image.Width, width, precision));
        return height == wide.Height ? wide : ResizeColumns(wide, new ResamplingCoefficients(wide.Height, height, precision));
    }

    private static RgbaImage ResizeRows(RgbaImage image, ResamplingCoefficients axis)
    {
        var pixels = GC.AllocateUninitializedArray<byte>(axis.OutputSize * image.Height * RgbaImage.Channels);
        var source = MemoryMarshal.Cast<byte, uint>(image.Pixels);
        var target = MemoryMarshal.Cast<byte, uint>(pixels.AsSpan());
        for (var y = 0; y < image.Height; y++)
            ResizeRow(source.Slice(y * image.Width, image.Width), target.Slice(y * axis.OutputSize, axis.OutputSize), axis);
        return new RgbaImage(axis.OutputSize, image.Height, pixels);
    }

    // One vector lane a channel: every step multiplies a whole pixel with its weight.
    private static void ResizeRow(ReadOnlySpan<uint> source, Span<uint> target, ResamplingCoefficients axis)
    {
        var half = Vector128.Create(1 << (axis.Precision - 1));
        for (var x = 0; x < target.Length; x++)
        {
            var inputs = source.Slice(axis.Starts[x], axis.Counts[x]);
            var weights = axis.FixedWeights.Slice(x * axis.MaxCount, inputs.Length);
            var sum = half;
            for (var j = 0; j < inputs.Length; j++)
                sum += Widen(inputs[j]) * weights[j];
            target[x] = ToPixel(sum >> axis.Precision);
        }
    }

    private static Vector128<int> Widen(uint pixel) =>
        Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalarUnsafe(pixel).AsByte())).AsInt32();

    private static uint ToPixel(Vector128<int> sum)
    {
        var clipped = Vector128.Min(sum, Vector128.Create(255));
        var words = Vector128.Narrow(clipped, clipped).AsUInt16();
        return Vector128.Narrow(words, words).AsUInt32().ToScalar();
    }

    private static RgbaImage ResizeColumns(RgbaImage image, ResamplingCoefficients axis)
    {
        var stride = image.Width * RgbaImage.Channels;
        var pixels = GC.AllocateUninitializedArray<byte>(stride * axis.OutputSize);
        for (var y = 0; y < axis.OutputSize; y++)
        {
            var rows = image.Pixels.AsSpan(axis.Starts[y] * stride, axis.Counts[y] * stride);
            var weights = axis.FixedWeights.Slice(y * axis.MaxCount, axis.Counts[y]);
            MeanOfRows(rows, weights, pixels.AsSpan(y * stride, stride), axis.Precision);
        }

        return new RgbaImage(image.Width, axis.OutputSize, pixels);
    }

    // rows: weights.Length rows of target.Length bytes each, end to end.
    private static void MeanOfRows(ReadOnlySpan<byte> rows, ReadOnlySpan<int> weights, Span<byte> target, int precision)
    {
        var stride = target.Length;
        var half = 1 << (precision - 1);
        var x = 0;
        for (; x <= stride - Vector128<byte>.Count; x += Vector128<byte>.Count)
        {
            var low = Vector256.Create(half);
            var high = low;
            for (var j = 0; j < weights.Length; j++)
            {
                var (words, weight) = (Vector256.WidenLower(Vector128.Create(rows.Slice((j * stride) + x, 16)).ToVector256Unsafe()), weights[j]);
                low += Vector256.WidenLower(words).AsInt32() * weight;
                high += Vector256.WidenUpper(words).AsInt32() * weight;
            }

            var limit = Vector256.Create(255);
            var clipped = Vector256.Narrow(Vector256.Min(low >> precision, limit), Vector256.Min(high >> precision, limit)).AsUInt16();
            Vector256.Narrow(clipped, clipped).GetLower().CopyTo(target[x..]);
        }

        for (; x < stride; x++)
        {
            var sum = half;
            for (var j = 0; j < weights.Length; j++)
                sum += rows[(j * stride) + x] * weights[j];
            target[x] = (byte)Math.Min(sum >> precision, 255);
        }
    }
}
