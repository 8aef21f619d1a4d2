using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>Rounds a row of activations to 8 bits, block by block.</summary>
/// <remarks>
/// Symmetric: scale = max |x| / 127 of each block of 32, as GGML's Q8_0 does. Per token: one scale and one zero point for the row, over -128..127, as
/// the published int4 scheme of Llama Guard 3 1B does. A row with NaN or infinity gets such a scale, so that its results are not numbers either.
/// </remarks>
internal static unsafe class RowQuantiser
{
    private const int Size = BlockWeight.BlockSize;

    // Adding it moves the rounded number, to the nearest even one, into the low bits of the mantissa.
    private const float RoundingShift = 12582912;

    /// <summary>Rounds a row.</summary>
    /// <param name="x">[columns], readable to the end of the last vector.</param>
    /// <param name="columns">Numbers of the row; the rest of the last block counts as 0.</param>
    /// <param name="format">What is wanted.</param>
    /// <param name="words">[blocks, format.Words].</param>
    /// <param name="scales">The scale of block b at scales[b * scaleStep].</param>
    /// <param name="scaleStep">Numbers between two scales.</param>
    /// <param name="rounding">Which numbers share a scale, and how exact it is.</param>
    /// <returns>What the sum of an output's weights is multiplied with and added: 0 where there is no zero point.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Run(float* x, int columns, in ActivationFormat format, int* words, float* scales, nint scaleStep, ActivationRounding rounding)
    {
        var rest = stackalloc float[Size];
        var blocks = (columns + Size - 1) / Size;
        var perToken = rounding == ActivationRounding.Token;
        var (rowScale, zero) = perToken ? RowScale(x, columns) : (0f, 0f);
        for (var block = 0; block < blocks; block++, words += format.Words, scales += scaleStep)
        {
            var source = x + (block * Size);
            if (columns - (block * Size) < Size)
            {
                new Span<float>(rest, Size).Clear();
                new Span<float>(source, columns - (block * Size)).CopyTo(new Span<float>(rest, Size));
                source = rest;
            }

            *scales = perToken ? rowScale : Largest(source) / 127;
            // 0 / 0: a block of zeros has scale 0 and numbers 0.
            var factor = *scales > 0 ? 1 / *scales : 0;
            if (rounding == ActivationRounding.HalfBlock)
            {
                // GGML divides by the exact scale and keeps the rounded one.
                *scales = (float)(Half)(*scales);
            }

            Round(source, factor, zero, format, words);
        }

        return -zero * rowScale;
    }

    /// <summary>The highest absolute value, compared as bits so that NaN is the highest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Largest(float* x)
    {
        var signs = Vector256.Create(0x7FFFFFFF);
        var most = Vector256.Max(
            Vector256.Max(Vector256.Load((int*)x) & signs, Vector256.Load((int*)x + 8) & signs),
            Vector256.Max(Vector256.Load((int*)x + 16) & signs, Vector256.Load((int*)x + 24) & signs));
        var half = Vector128.Max(most.GetLower(), most.GetUpper());
        half = Vector128.Max(half, Vector128.Shuffle(half, Vector128.Create(2, 3, 0, 1)));
        half = Vector128.Max(half, Vector128.Shuffle(half, Vector128.Create(1, 0, 3, 2)));
        return BitConverter.Int32BitsToSingle(half.ToScalar());
    }

    /// <summary>Scale and zero point of a whole row; the range includes 0.</summary>
    private static (float Scale, float Zero) RowScale(float* x, int columns)
    {
        var (low, high) = (0f, 0f);
        for (var i = 0; i < columns; i++)
        {
            // Math.Min and Max hand a NaN on.
            low = Math.Min(low, x[i]);
            high = Math.Max(high, x[i]);
        }

        var scale = (high - low) / 255;
        return scale > 0 ? (scale, MathF.Round(-128 - (low / scale))) : (scale, 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Round(float* x, float factor, float zero, in ActivationFormat format, int* words)
    {
        var factors = Vector256.Create(factor);
        var shift = Vector256.Create(RoundingShift + zero);
        var a = Vector256.Narrow(Whole(x, factors, shift), Whole(x + 8, factors, shift));
        var b = Vector256.Narrow(Whole(x + 16, factors, shift), Whole(x + 24, factors, shift));
        if (format.Start != BlockStart.None)
        {
            // Neighbours added up: places 0 + 1, 2 + 3, 0 + 1, ... of the words of four.
            var both = (a + b).AsInt32();
            var pairs = Vector256.ShiftRightArithmetic(Vector256.ShiftLeft(both, 16), 16) + Vector256.ShiftRightArithmetic(both, 16);
            var half = pairs.GetLower() + pairs.GetUpper();
            half += Vector128.Shuffle(half, Vector128.Create(2, 3, 0, 1));
            var (low, high) = (-format.Offset * half.ToScalar(), -format.Offset * half.GetElement(1));
            *words++ = format.Start == BlockStart.Whole ? low + high : (low & 0xFFFF) | (high << 16);
        }

        if (format.WordInputs == 4)
        {
            Vector256.Narrow(a, b).Store((sbyte*)words);
        }
        else
        {
            a.Store((short*)words);
            b.Store((short*)words + 16);
        }
    }

    /// <summary>Eight numbers, rounded and held between -128 and 127.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Whole(float* x, Vector256<float> factors, Vector256<float> shift)
    {
        var whole = ((Vector256.Load(x) * factors) + shift).AsInt32() - Vector256.Create(BitConverter.SingleToInt32Bits(RoundingShift));
        return Vector256.Min(Vector256.Create(127), Vector256.Max(Vector256.Create(-128), whole));
    }
}
