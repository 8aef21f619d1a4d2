using System.Runtime.CompilerServices;

namespace GuardSharp.Tensors.Cpu;

/// <summary>How one type of stored number becomes float32.</summary>
internal unsafe interface IStoredNumber<TVector>
{
    /// <summary>Bytes per number.</summary>
    static abstract int Size { get; }

    static abstract TVector Load(byte* source);

    static abstract float LoadOne(byte* source);
}

/// <summary>float32 as it is.</summary>
internal readonly unsafe struct StoredSingle<TSimd, TVector> : IStoredNumber<TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    public static int Size => sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load(byte* source) => TSimd.Load((float*)source);

    public static float LoadOne(byte* source) => *(float*)source;
}

/// <summary>The upper half of a float32.</summary>
internal readonly unsafe struct StoredBFloat16<TSimd, TVector> : IStoredNumber<TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    public static int Size => sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load(byte* source) => TSimd.LoadBFloat16((ushort*)source);

    public static float LoadOne(byte* source) => BitConverter.UInt32BitsToSingle((uint)*(ushort*)source << 16);
}

/// <summary>IEEE 754 half precision.</summary>
internal readonly unsafe struct StoredHalf<TSimd, TVector> : IStoredNumber<TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    public static int Size => sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load(byte* source) => TSimd.LoadHalf((ushort*)source);

    public static float LoadOne(byte* source) => (float)*(Half*)source;
}

/// <summary>IEEE 754 half precision, infinities and NaN left out.</summary>
internal readonly unsafe struct StoredFiniteHalf<TSimd, TVector> : IStoredNumber<TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    public static int Size => sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load(byte* source) => TSimd.LoadFiniteHalf((ushort*)source);

    public static float LoadOne(byte* source) => (float)*(Half*)source;
}
