using System.Runtime.Intrinsics;

namespace GuardSharp.Tensors.Cpu;

/// <summary>The inner loops for one vector width. Lengths are counts of numbers; "flat" loops work in whole vectors and touch up to 60 bytes behind the end.</summary>
internal abstract unsafe class Kernels
{
    /// <summary>The widest vectors this processor (and the runtime's settings) offer.</summary>
    public static Kernels ForThisMachine() =>
        Vector512.IsHardwareAccelerated ? new Kernels<Simd512, Vector512<float>>()
        : Vector256.IsHardwareAccelerated ? new Kernels<Simd256, Vector256<float>>()
        : new Kernels<Simd128, Vector128<float>>();

    /// <summary>Numbers in a vector.</summary>
    public abstract int Lanes { get; }

    /// <summary>An operation on one or two arrays, flat; <paramref name="b"/> may be null for operations on one.</summary>
    public abstract void Elementwise(Element operation, float* a, float* b, float* y, long length);

    /// <summary>y = x * factor.</summary>
    public abstract void Scale(float* x, float factor, float* y, int length);

    /// <summary>y += x * factor, flat.</summary>
    public abstract void AddScaled(float* x, float factor, float* y, long length);

    /// <summary>y = x / sqrt(mean(x²) + epsilon) * weight; weight may be null.</summary>
    public abstract void RmsNorm(float* x, float* weight, float* y, int length, float epsilon);

    /// <summary>y = (x - mean) / sqrt(variance + epsilon) * weight + bias.</summary>
    public abstract void LayerNorm(float* x, float* weight, float* bias, float* y, int length, float epsilon);

    /// <summary>Reads stored numbers, aligned to their own size only, as float32.</summary>
    public abstract void Widen(byte* source, WeightType type, float* destination, int length);

    /// <summary>The sum of x[i] * w[i].</summary>
    public abstract float Dot(float* x, byte* w, WeightType type, int length);
}

/// <summary>Operations on single numbers.</summary>
internal enum Element
{
    Add,
    Multiply,
    Silu,
    Gelu,
    Sigmoid,
    SwiGlu,
}
