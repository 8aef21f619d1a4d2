namespace GuardSharp.Checkpoints;

/// <summary>How a safetensors file stores the numbers of a tensor.</summary>
/// <remarks>Names and sizes: safetensors format description, https://github.com/huggingface/safetensors.</remarks>
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
}

/// <summary>The names and sizes of <see cref="TensorType"/>.</summary>
internal static class TensorTypes
{
    /// <summary>Every name a file may use, for messages.</summary>
    public const string AllNames = "F64, F32, F16, BF16, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U64, U32, U16, U8, BOOL";

    /// <summary>Bytes of one number.</summary>
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
        long bytes = type.Size();
        var tooMany = false;
        foreach (var size in shape)
        {
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
