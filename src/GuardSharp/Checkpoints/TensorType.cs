namespace GuardSharp.Checkpoints;

/// <summary>How a file stores the numbers of a tensor.</summary>
/// <remarks>Names and sizes: safetensors format description, https://github.com/huggingface/safetensors; the last five are blocks of GGML and stand in GGUF files alone.</remarks>
internal enum TensorType
{
    F64,
    F32,
    F16,
    BF16,
    F8E4M3,
    F8E5M2,
    I64,
    I32,
    I16,
    I8,
    U64,
    U32,
    U16,
    U8,
    Bool,
    Q80,
    Q40,
    Q4K,
    Q5K,
    Q6K,
}

/// <summary>The names and sizes of <see cref="TensorType"/>.</summary>
internal static class TensorTypes
{
    /// <summary>Every name a safetensors file may use, for messages.</summary>
    public const string AllNames = "F64, F32, F16, BF16, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U64, U32, U16, U8, BOOL";

    /// <summary>Numbers of a block; 1 where numbers stand alone.</summary>
    public static int BlockSize(this TensorType type) => type switch
    {
        TensorType.Q80 or TensorType.Q40 => 32,
        TensorType.Q4K or TensorType.Q5K or TensorType.Q6K => 256,
        _ => 1,
    };

    /// <summary>Bytes of a block; of a number where numbers stand alone.</summary>
    public static int BlockBytes(this TensorType type) => type switch
    {
        TensorType.Q80 => 34,
        TensorType.Q40 => 18,
        TensorType.Q4K => 144,
        TensorType.Q5K => 176,
        TensorType.Q6K => 210,
        _ => type.Size(),
    };

    /// <summary>Bytes of one number that stands alone.</summary>
    public static int Size(this TensorType type) => type switch
    {
        TensorType.F64 or TensorType.I64 or TensorType.U64 => 8,
        TensorType.F32 or TensorType.I32 or TensorType.U32 => 4,
        TensorType.F16 or TensorType.BF16 or TensorType.I16 or TensorType.U16 => 2,
        _ => 1,
    };

    /// <summary>Bytes of a tensor; <see cref="long.MaxValue"/> where they are more, which no file holds.</summary>
    /// <param name="type">How its numbers are stored.</param>
    /// <param name="shape">Sizes, none negative.</param>
    public static long Bytes(TensorType type, ReadOnlySpan<long> shape)
    {
        long bytes = type.BlockBytes();
        var tooMany = false;
        for (var i = 0; i < shape.Length; i++)
        {
            // Blocks lie along the innermost axis.
            var size = i == shape.Length - 1 ? shape[i] / type.BlockSize() : shape[i];
            if (size == 0)
            {
                return 0;
            }

            tooMany |= bytes > long.MaxValue / size;
            bytes = tooMany ? long.MaxValue : bytes * size;
        }

        return bytes;
    }

    /// <summary>The name in the file.</summary>
    public static string FileName(this TensorType type) => type switch
    {
        TensorType.F8E4M3 => "F8_E4M3",
        TensorType.F8E5M2 => "F8_E5M2",
        TensorType.Bool => "BOOL",
        TensorType.Q80 => "Q8_0",
        TensorType.Q40 => "Q4_0",
        TensorType.Q4K => "Q4_K",
        TensorType.Q5K => "Q5_K",
        TensorType.Q6K => "Q6_K",
        _ => type.ToString(),
    };

    /// <summary>The type a file's name stands for, or null.</summary>
    public static TensorType? Parse(string name) => name switch
    {
        "F64" => TensorType.F64,
        "F32" => TensorType.F32,
        "F16" => TensorType.F16,
        "BF16" => TensorType.BF16,
        "F8_E4M3" => TensorType.F8E4M3,
        "F8_E5M2" => TensorType.F8E5M2,
        "I64" => TensorType.I64,
        "I32" => TensorType.I32,
        "I16" => TensorType.I16,
        "I8" => TensorType.I8,
        "U64" => TensorType.U64,
        "U32" => TensorType.U32,
        "U16" => TensorType.U16,
        "U8" => TensorType.U8,
        "BOOL" => TensorType.Bool,
        _ => null,
    };
}
