namespace GuardSharp.Checkpoints.Gguf;

/// <summary>The tensor types of GGML that are read, and those that are written.</summary>
internal static class GgufTypes
{
    /// <summary>Their names, for messages.</summary>
    public const string AllNames = "F32, F16, BF16, Q8_0, Q4_0, Q4_K, Q5_K and Q6_K";

    /// <summary>The type of a number in the file (enum ggml_type), or null.</summary>
    public static TensorType? Parse(uint type) => type switch
    {
        0 => TensorType.F32,
        1 => TensorType.F16,
        2 => TensorType.Q40,
        8 => TensorType.Q80,
        12 => TensorType.Q4K,
        13 => TensorType.Q5K,
        14 => TensorType.Q6K,
        30 => TensorType.BF16,
        _ => null,
    };

    /// <summary>The number in the file of a type that is written.</summary>
    public static uint Number(TensorType type) => type switch
    {
        TensorType.F32 => 0,
        TensorType.F16 => 1,
        TensorType.Q40 => 2,
        TensorType.Q80 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Not a type that is written."),
    };
}
