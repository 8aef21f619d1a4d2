using System.Runtime.CompilerServices;

namespace GuardSharp.Tensors.Cpu;

/// <summary>Dot products of rows of x with rows of a weight, four weight rows at a time.</summary>
internal static unsafe class DotKernel<TSimd, TVector, TNumber>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
    where TNumber : struct, IStoredNumber<TVector>
{
    /// <summary>y[r, o] = x[r] · w[o] for one row of x.</summary>
    /// <param name="x">[1, inputs].</param>
    /// <param name="w">[outputs, inputs], stored numbers.</param>
    /// <param name="outputs">Weight rows.</param>
    /// <param name="inputs">Columns.</param>
    /// <param name="y">[1, outputs].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void One(float* x, byte* w, int outputs, int inputs, float* y)
    {
        var whole = inputs / TSimd.Lanes * TSimd.Lanes;
        var pitch = (nint)inputs * TNumber.Size;
        var output = 0;
        for (; output <= outputs - 4; output += 4, w += 4 * pitch)
        {
            TVector s0 = TSimd.Create(0), s1 = s0, s2 = s0, s3 = s0;
            for (nint i = 0; i < whole; i += TSimd.Lanes)
            {
                var value = TSimd.Load(x + i);
                var source = w + (i * TNumber.Size);
                s0 = TSimd.MultiplyAdd(TNumber.Load(source), value, s0);
                s1 = TSimd.MultiplyAdd(TNumber.Load(source + pitch), value, s1);
                s2 = TSimd.MultiplyAdd(TNumber.Load(source + (2 * pitch)), value, s2);
                s3 = TSimd.MultiplyAdd(TNumber.Load(source + (3 * pitch)), value, s3);
            }

            y[output] = TSimd.Sum(s0);
            y[output + 1] = TSimd.Sum(s1);
            y[output + 2] = TSimd.Sum(s2);
            y[output + 3] = TSimd.Sum(s3);
            if (whole < inputs)
            {
                for (var o = 0; o < 4; o++) y[output + o] += Rest(x, w + (o * pitch), whole, inputs);
            }
        }

        for (; output < outputs; output++, w += pitch)
        {
            var sum = TSimd.Create(0);
            for (nint i = 0; i < whole; i += TSimd.Lanes) sum = TSimd.MultiplyAdd(TNumber.Load(w + (i * TNumber.Size)), TSimd.Load(x + i), sum);
            y[output] = TSimd.Sum(sum) + Rest(x, w, whole, inputs);
        }
    }

    /// <summary>The same for four rows of x: each stored number is read and widened once for all four.</summary>
    /// <param name="x">[4, inputs].</param>
    /// <param name="w">[outputs, inputs], stored numbers.</param>
    /// <param name="outputs">Weight rows.</param>
    /// <param name="inputs">Columns.</param>
    /// <param name="y">Four rows of results, <paramref name="yPitch"/> apart.</param>
    /// <param name="yPitch">Numbers between the beginnings of two rows of y.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Four(float* x, byte* w, int outputs, int inputs, float* y, nint yPitch)
    {
        var whole = inputs / TSimd.Lanes * TSimd.Lanes;
        var pitch = (nint)inputs * TNumber.Size;
        float* x1 = x + inputs, x2 = x1 + inputs, x3 = x2 + inputs;
        for (var output = 0; output < outputs; output += 2, w += 2 * pitch)
        {
            // An odd last row is done twice.
            var next = output + 1 < outputs ? pitch : 0;
            TVector a0 = TSimd.Create(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
            for (nint i = 0; i < whole; i += TSimd.Lanes)
            {
                var source = w + (i * TNumber.Size);
                var a = TNumber.Load(source);
                var b = TNumber.Load(source + next);
                var value = TSimd.Load(x + i);
                a0 = TSimd.MultiplyAdd(a, value, a0);
                b0 = TSimd.MultiplyAdd(b, value, b0);
                value = TSimd.Load(x1 + i);
                a1 = TSimd.MultiplyAdd(a, value, a1);
                b1 = TSimd.MultiplyAdd(b, value, b1);
                value = TSimd.Load(x2 + i);
                a2 = TSimd.MultiplyAdd(a, value, a2);
                b2 = TSimd.MultiplyAdd(b, value, b2);
                value = TSimd.Load(x3 + i);
                a3 = TSimd.MultiplyAdd(a, value, a3);
                b3 = TSimd.MultiplyAdd(b, value, b3);
            }

            var target = y + output;
            target[0] = TSimd.Sum(a0);
            target[yPitch] = TSimd.Sum(a1);
            target[2 * yPitch] = TSimd.Sum(a2);
            target[3 * yPitch] = TSimd.Sum(a3);
            if (next != 0)
            {
                target[1] = TSimd.Sum(b0);
                target[yPitch + 1] = TSimd.Sum(b1);
                target[(2 * yPitch) + 1] = TSimd.Sum(b2);
                target[(3 * yPitch) + 1] = TSimd.Sum(b3);
            }

            // Calls come last: across a call every vector register would have to be saved.
            for (var row = 0; row < 4 && whole < inputs; row++, target += yPitch)
            {
                target[0] += Rest(x + (row * (nint)inputs), w, whole, inputs);
                if (next != 0)
                {
                    target[1] += Rest(x + (row * (nint)inputs), w + next, whole, inputs);
                }
            }
        }
    }

    /// <summary>The part of a dot product behind the last whole vector.</summary>
    private static float Rest(float* x, byte* w, nint start, int inputs)
    {
        float sum = 0;
        for (var i = start; i < inputs; i++) sum += x[i] * TNumber.LoadOne(w + (i * TNumber.Size));
        return sum;
    }
}
