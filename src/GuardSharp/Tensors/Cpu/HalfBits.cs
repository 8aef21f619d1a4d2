namespace GuardSharp.Tensors.Cpu;

/// <summary>Bit patterns for reading half precision as float32.</summary>
internal static class HalfBits
{
    /// <summary>2^(127 - 15): the difference of the exponents' biases.</summary>
    public const float BiasCorrection = 5.192296858534828e33f;

    /// <summary>65504's bits moved 13 to the left; anything above is an infinity or NaN.</summary>
    public const int LargestFinite = 0x7BFF << 13;

    public const int AllExponentBits = 0x7F800000;
}
