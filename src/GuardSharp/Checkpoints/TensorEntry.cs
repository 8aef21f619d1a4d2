namespace GuardSharp.Checkpoints;

/// <summary>A tensor where its file put it: memory of the mapped file, valid until the checkpoint is disposed.</summary>
/// <param name="Name">The name in the file.</param>
/// <param name="Type">How the numbers are stored (little endian).</param>
/// <param name="Shape">Sizes, outermost first; empty for a scalar.</param>
/// <param name="Data">Address of the first number, aligned to the size of a number.</param>
/// <param name="Bytes">Length of the data; may exceed 2^31 (Scout's experts do).</param>
/// <param name="File">The file's name, for messages.</param>
internal sealed record TensorEntry(string Name, TensorType Type, long[] Shape, nint Data, long Bytes, string File)
{
    /// <summary>How many numbers.</summary>
    public long Count => Bytes / Type.BlockBytes() * Type.BlockSize();

    /// <summary>File and tensor as messages begin: <c>model.safetensors: tensor "x" is [2, 3] F32</c>.</summary>
    public string Description => $"{File}: tensor \"{Printable.Of(Name)}\" is {Printable.Shape(Shape)} {Type.FileName()}";

    /// <summary>Copies a small tensor of F32, F16, BF16, F64 or GGML's blocks as singles.</summary>
    /// <exception cref="CheckpointException">Another type, or more than 2^31 numbers.</exception>
    public float[] ToSingles()
    {
        var values = new float[SmallCount()];
        CopyTo(0, values);
        return values;
    }

    /// <summary>Copies some numbers of a tensor of F32, F16, BF16, F64 or GGML's blocks as singles.</summary>
    /// <param name="first">Index of the first number; of blocks the first of one.</param>
    /// <param name="values">As many as wanted; whole blocks.</param>
    /// <exception cref="CheckpointException">Another type.</exception>
    public unsafe void CopyTo(long first, Span<float> values)
    {
        var data = (byte*)Data + (first / Type.BlockSize() * Type.BlockBytes());
        switch (Type)
        {
            case TensorType.F32:
                new ReadOnlySpan<float>(data, values.Length).CopyTo(values);
                break;
            case TensorType.F16:
                for (var i = 0; i < values.Length; i++)
                {
                    values[i] = (float)((Half*)data)[i];
                }

                break;
            case TensorType.BF16:
                for (var i = 0; i < values.Length; i++)
                {
                    values[i] = BitConverter.Int32BitsToSingle(((ushort*)data)[i] << 16);
                }

                break;
            case TensorType.F64:
                for (var i = 0; i < values.Length; i++)
                {
                    values[i] = (float)((double*)data)[i];
                }

                break;
            case var type when type.BlockSize() > 1:
                Gguf.Dequantisation.Run(type, new ReadOnlySpan<byte>(data, values.Length / type.BlockSize() * type.BlockBytes()), values);
                break;
            default:
                throw new CheckpointException($"{Description}, but F32, F16, BF16 or F64 is needed here.");
        }
    }

    /// <summary>Copies a small tensor of integers or Booleans.</summary>
    /// <exception cref="CheckpointException">Another type, or more than 2^31 numbers.</exception>
    public unsafe long[] ToIntegers()
    {
        var values = new long[SmallCount()];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = Type switch
            {
                TensorType.I64 => ((long*)Data)[i],
                TensorType.I32 => ((int*)Data)[i],
                TensorType.I16 => ((short*)Data)[i],
                TensorType.I8 => ((sbyte*)Data)[i],
                TensorType.U32 => ((uint*)Data)[i],
                TensorType.U16 => ((ushort*)Data)[i],
                TensorType.U8 or TensorType.Bool => ((byte*)Data)[i],
                _ => throw new CheckpointException($"{Description}, but integers or BOOL are needed here."),
            };
        }

        return values;
    }

    private int SmallCount() => Count <= Array.MaxLength
        ? (int)Count
        : throw new CheckpointException($"{Description}: too large to copy as a whole, at most {Array.MaxLength} numbers.");
}
