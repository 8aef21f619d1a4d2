using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Tests.Tensors.Cpu;

/// <summary>Kernels of which one part computes slightly wrong.</summary>
internal sealed unsafe class BrokenKernels(Kernels right, BrokenKernels.Part broken) : Kernels
{
    /// <summary>What is wrong.</summary>
    internal enum Part
    {
        Tile,
        DotsOfSingles,
        DotsOfHalves,
        DotsOfBFloat16,
        Norm,
        Function,
    }

    public override int Lanes => right.Lanes;

    public override int TileRows => right.TileRows;

    public override void Elementwise(Element operation, float* a, float* b, float* y, long length)
    {
        right.Elementwise(operation, a, b, y, length);
        Break(Part.Function, y, length);
    }

    public override void Scale(float* x, float factor, float* y, int length) => right.Scale(x, factor, y, length);

    public override void AddScaled(float* x, float factor, float* y, long length) => right.AddScaled(x, factor, y, length);

    public override void RmsNorm(float* x, float* weight, float* y, int length, float epsilon)
    {
        right.RmsNorm(x, weight, y, length, epsilon);
        Break(Part.Norm, y, length);
    }

    public override void LayerNorm(float* x, float* weight, float* bias, float* y, int length, float epsilon) => right.LayerNorm(x, weight, bias, y, length, epsilon);

    public override void Widen(byte* source, WeightType type, float* destination, int length) => right.Widen(source, type, destination, length);

    public override void Widen(in KeptRows rows, int first, int count, int length, float* destination) => right.Widen(rows, first, count, length, destination);

    public override bool NarrowToHalf(float* x, ushort* y, int length) => right.NarrowToHalf(x, y, length);

    public override float NarrowToInt8(float* x, sbyte* y, int length) => right.NarrowToInt8(x, y, length);

    public override void Dots(float* x, int rows, byte* w, WeightType type, int outputs, int inputs, float* y, nint yPitch)
    {
        right.Dots(x, rows, w, type, outputs, inputs, y, yPitch);
        Break(type switch { WeightType.F32 => Part.DotsOfSingles, WeightType.F16 => Part.DotsOfHalves, _ => Part.DotsOfBFloat16 }, y, outputs);
    }

    public override void Tile(in TileFactors factors, float* panel, nint panelStep, int count, float* tile, int rows, int vectors, bool accumulate)
    {
        right.Tile(factors, panel, panelStep, count, tile, rows, vectors, accumulate);
        Break(Part.Tile, tile, rows * vectors * Lanes);
    }

    public override void Mask(float* scores, int keys, int vectors, float firstKey, float* lowest, float* highest) =>
        right.Mask(scores, keys, vectors, firstKey, lowest, highest);

    public override void Softmax(float* scores, int keys, int vectors, float scale, float* highest, float* total, float* output, int outputRows) =>
        right.Softmax(scores, keys, vectors, scale, highest, total, output, outputRows);

    private void Break(Part part, float* y, long length)
    {
        if (part == broken)
        {
            y[length - 1] += 1e-3f;
        }
    }
}
