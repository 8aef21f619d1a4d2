using System.Runtime.Intrinsics;

namespace GuardSharp.Imaging;

/// <summary>Bytes to the values of the network, in bfloat16 arithmetic: rounded to nearest even after each step.</summary>
/// <remarks>Source: tests/golden/README.md, "Preprocessing, exact"; the tables equal golden/preprocessing/luts.safetensors.</remarks>
internal sealed class PixelNormalisation : IPixelValues
{
    private readonly float[][] _tables;
    private readonly float[] _mean;
    private readonly float[] _deviation;

    /// <summary>Prepares one table of 256 values for each channel.</summary>
    public PixelNormalisation(Llama4ImageSettings settings)
    {
        // The reference keeps mean and deviation as bfloat16 tensors.
        _mean = [.. settings.Mean.Select(BFloat16)];
        _deviation = [.. settings.StandardDeviation.Select(BFloat16)];
        _tables = [.. Enumerable.Range(0, 3).Select(Table)];
    }

    /// <summary>The value of a byte in a channel (0 red, 1 green, 2 blue).</summary>
    public float Value(int channel, byte value) => _tables[channel][value];

    /// <inheritdoc/>
    public float Padding(int channel) => Value(channel, 0);

    /// <inheritdoc/>
    public void Apply(ReadOnlySpan<uint> row, int channel, Span<float> target)
    {
        var (mean, deviation) = (Vector256.Create(_mean[channel]), Vector256.Create(_deviation[channel]));
        var (shift, mask) = (channel * 8, Vector256.Create(0xFFu));
        var x = 0;
        for (; x <= row.Length - Vector256<uint>.Count; x += Vector256<uint>.Count)
        {
            // A byte is exact in bfloat16, so the first rounding of the reference changes nothing.
            var bytes = ((Vector256.Create(row[x..]) >>> shift) & mask).AsInt32();
            var scaled = BFloat16(Vector256.ConvertToSingle(bytes) * RescaleFactor);
            BFloat16(BFloat16(scaled - mean) / deviation).CopyTo(target[x..]);
        }

        var table = _tables[channel];
        for (; x < row.Length; x++)
            target[x] = table[(byte)(row[x] >> shift)];
    }

    // 1/255 as the reference's float32.
    private const float RescaleFactor = 1f / 255f;

    private float[] Table(int channel)
    {
        var table = new float[256];
        for (var value = 0; value < table.Length; value++)
            table[value] = BFloat16(BFloat16(BFloat16(value * RescaleFactor) - _mean[channel]) / _deviation[channel]);
        return table;
    }

    private static float BFloat16(float value) => BFloat16(Vector256.CreateScalar(value)).ToScalar();

    // Round to nearest even at bit 16; never called with a NaN or an infinity.
    private static Vector256<float> BFloat16(Vector256<float> values)
    {
        var bits = values.AsUInt32();
        var odd = (bits >>> 16) & Vector256<uint>.One;
        return ((bits + Vector256.Create(0x7FFFu) + odd) & Vector256.Create(0xFFFF0000u)).AsSingle();
    }
}
