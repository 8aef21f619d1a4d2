using GuardSharp.Tensors;

namespace GuardSharp.Models.Layers;

/// <summary>Rotary position embedding (arXiv:2104.09864): the angles of a batch's positions.</summary>
/// <param name="inverseFrequencies">Angle per position of each rotated pair, headSize / 2 numbers, already scaled (model note L2).</param>
/// <param name="interleaved">Pairing of the columns, see <see cref="Rotation.Interleaved"/>.</param>
internal sealed class RotaryTable(float[] inverseFrequencies, bool interleaved)
{
    /// <summary>The frequencies rounded to the nearest bfloat16, ties to even.</summary>
    public static float[] RoundToBFloat16(float[] frequencies) => Array.ConvertAll(frequencies, value =>
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return BitConverter.UInt32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
    });

    /// <summary>Cosines and sines for every row of the sequences.</summary>
    public Rotation For(ITensorOps ops, IReadOnlyList<SequenceSpan> sequences)
    {
        var pairs = inverseFrequencies.Length;
        var rows = SequenceRows.Count(sequences);
        var cosines = new float[rows * pairs];
        var sines = new float[rows * pairs];
        foreach (var sequence in sequences)
        {
            for (var i = 0; i < sequence.QueryCount; i++)
            {
                var first = (sequence.QueryRow + i) * pairs;
                for (var p = 0; p < pairs; p++)
                {
                    // The reference multiplies in float32; the angle has to be the same float32 number at far positions.
                    (sines[first + p], cosines[first + p]) = MathF.SinCos((sequence.Position + i) * inverseFrequencies[p]);
                }
            }
        }

        return new Rotation(ops.Upload(cosines, rows, pairs), ops.Upload(sines, rows, pairs), interleaved);
    }
}
