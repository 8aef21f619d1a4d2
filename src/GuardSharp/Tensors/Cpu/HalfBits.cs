namespace GuardSharp.Tensors.Cpu;

/// <summary>Bit patterns for reading and writing half precision.</summary>
internal static class HalfBits
{
    /// <summary>2^(127 - 15): the difference of the exponents' biases.</summary>
    public const float BiasCorrection = 5.192296858534828e33f;

    /// <summary>65504's bits moved 13 to the left; anything above is an infinity or NaN.</summary>
    public const int LargestFinite = 0x7BFF << 13;

    public const int AllExponentBits = 0x7F800000;

    /// <summary>A half's sign, exponent and mantissa, 13 bits to the left in a number that was widened with its sign.</summary>
    public const int SignAndMagnitude = unchecked((int)0x8FFFE000);

    /// <summary>2^-14 as float32: below it halves are subnormal.</summary>
    public const int SmallestNormal = 113 << 23;

    /// <summary>Just below half of the 13 bits that are dropped, and the difference of the exponents' biases.</summary>
    public const int Rounding = 0xFFF - (112 << 23);

    /// <summary>65504.</summary>
    public const int Largest = 0x7BFF;

    /// <summary>1.5 * 2^23: adding it leaves a small integer in the low bits.</summary>
    public const float IntegerOffset = 12582912f;
}
