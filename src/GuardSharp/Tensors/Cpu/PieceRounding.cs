namespace GuardSharp.Tensors.Cpu;

/// <summary>Rounds activations to 8 bits in blocks of 256, as products with an <see cref="EncodedWeight"/> take them.</summary>
internal static unsafe class PieceRounding
{
    private const int Size = EncodedWeight.Piece;

    /// <summary>y = x, each block rounded to multiples of its largest number / -127.</summary>
    /// <remarks>Source: ggml-quants.c, quantize_row_q8_K_ref. The first of the largest by absolute value gives the sign. A block with NaN or infinity becomes NaN.</remarks>
    /// <param name="x">The numbers.</param>
    /// <param name="length">How many, a multiple of 256.</param>
    /// <param name="y">The rounded numbers.</param>
    public static void Run(float* x, long length, float* y)
    {
        for (var end = x + length; x < end; x += Size, y += Size)
        {
            var most = 0f;
            for (var i = 0; i < Size; i++)
            {
                // Written so that NaN is taken and stays.
                if (!(MathF.Abs(x[i]) <= MathF.Abs(most)) && !float.IsNaN(most))
                {
                    most = x[i];
                }
            }

            var factor = -127 / most;
            var scale = 1 / factor;
            for (var i = 0; i < Size; i++)
            {
                y[i] = most == 0 ? 0 : MathF.Min(127, MathF.Round(factor * x[i])) * scale;
            }
        }
    }
}
