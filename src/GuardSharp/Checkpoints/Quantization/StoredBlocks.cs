namespace GuardSharp.Checkpoints.Quantization;

/// <summary>A quantised matrix where its file put it: rows of blocks of 32 whole numbers, and scales in half precision.</summary>
/// <param name="Format">How the numbers are stored; four bits lie as 0..15 for -8..7, byte i of a block holding number i in its low and number i + 16 in its high half.</param>
/// <param name="Numbers">Address of the first block.</param>
/// <param name="BlockPitch">Bytes between two blocks of a row.</param>
/// <param name="RowPitch">Bytes between two rows.</param>
/// <param name="Scales">Address of the first scale.</param>
/// <param name="ScalePitch">Bytes between two scales of a row.</param>
/// <param name="ScaleRowPitch">Bytes between the scales of two rows.</param>
/// <param name="BlocksPerScale">Neighbouring blocks that share a scale: 1 or 8.</param>
/// <remarks>
/// In safetensors a weight NAME of 8 bits is a tensor NAME of I8 [rows, blocks * 32], one of 4 bits a tensor NAME of U8 [rows, blocks * 16];
/// NAME_scale of F16 [rows, scales] stands beside it. The numbers behind the last input are zero. In GGUF files a block of Q8_0 or Q4_0 is its scale
/// and its numbers, 34 or 18 bytes. Nothing is read but headers.
/// </remarks>
internal sealed record StoredBlocks(
    NumberFormat Format, nint Numbers, int BlockPitch, long RowPitch, nint Scales, int ScalePitch, long ScaleRowPitch, int BlocksPerScale)
{
    /// <summary>Inputs of a block.</summary>
    public const int BlockSize = 32;

    /// <summary>Blocks that share a scale in groups of 256 inputs.</summary>
    public const int BlocksPerGroup = 8;

    private const string ScaleSuffix = "_scale";

    /// <summary>Whether a tensor of a safetensors file holds the numbers of a quantised matrix.</summary>
    public static bool Are(TensorEntry entry) => entry.Type is TensorType.I8 or TensorType.U8;

    /// <summary>The name of the tensor that holds a matrix's scales.</summary>
    public static string ScaleName(string name) => name + ScaleSuffix;

    /// <summary>A tensor as a quantised matrix; null: it is none.</summary>
    /// <param name="checkpoint">The open checkpoint.</param>
    /// <param name="tensor">The tensor.</param>
    /// <param name="rows">Outputs that config.json asks for.</param>
    /// <param name="columns">Inputs that config.json asks for.</param>
    /// <exception cref="CheckpointException">Its scales are missing, or a shape is not that of such a matrix.</exception>
    public static StoredBlocks? Find(Checkpoint checkpoint, TensorEntry tensor, long rows, long columns) => tensor.Type switch
    {
        TensorType.I8 or TensorType.U8 => Of(checkpoint, tensor, rows, columns),
        TensorType.Q80 or TensorType.Q40 when tensor.Shape.AsSpan().SequenceEqual([rows, columns]) => OfGguf(tensor, columns),
        _ => null,
    };

    /// <summary>A quantised matrix of a safetensors file.</summary>
    /// <param name="checkpoint">The open checkpoint.</param>
    /// <param name="numbers">The tensor of its numbers.</param>
    /// <param name="rows">Outputs that config.json asks for.</param>
    /// <param name="columns">Inputs that config.json asks for.</param>
    /// <exception cref="CheckpointException">The scales are missing, or a shape is not that of such a matrix.</exception>
    public static StoredBlocks Of(Checkpoint checkpoint, TensorEntry numbers, long rows, long columns)
    {
        var format = numbers.Type == TensorType.I8 ? NumberFormat.Int8 : NumberFormat.Int4;
        var blockBytes = format == NumberFormat.Int8 ? BlockSize : BlockSize / 2;
        var blocks = (columns + BlockSize - 1) / BlockSize;
        if (numbers.Shape is not [var seenRows, var bytes] || seenRows != rows || bytes != blocks * blockBytes)
        {
            throw new CheckpointException(
                $"{numbers.Description}, but {ModelConfig.FileName} asks for {Printable.Shape([rows, columns])}, which is {Printable.Shape([rows, blocks * blockBytes])} in blocks of {BlockSize}. Is {ModelConfig.FileName} from the same checkpoint?");
        }

        if (!checkpoint.TryGet(ScaleName(numbers.Name), out var scales))
        {
            throw new CheckpointException(
                $"{numbers.Description}, but its scales \"{Printable.Of(ScaleName(numbers.Name))}\" F16 {Printable.Shape([rows, blocks])} are missing. Files of other quantisers (bitsandbytes) are not read: give the weights in BF16, or what guardsharp quantize makes of them.");
        }

        var groups = (blocks + BlocksPerGroup - 1) / BlocksPerGroup;
        if (scales.Type != TensorType.F16 || scales.Shape is not [var scaleRows, var perRow] || scaleRows != rows || (perRow != blocks && perRow != groups))
        {
            throw new CheckpointException(
                $"{scales.Description}, but the numbers {Printable.Shape(numbers.Shape)} need F16 {Printable.Shape([rows, blocks])}, or {Printable.Shape([rows, groups])} for groups of {BlocksPerGroup * BlockSize}. Quantise the model again.");
        }

        return new StoredBlocks(
            format, numbers.Data, blockBytes, bytes, scales.Data, sizeof(ushort), perRow * sizeof(ushort), perRow == blocks ? 1 : BlocksPerGroup);
    }

    private static StoredBlocks OfGguf(TensorEntry tensor, long columns)
    {
        var (format, pitch) = (tensor.Type == TensorType.Q80 ? NumberFormat.Int8 : NumberFormat.Int4, tensor.Type.BlockBytes());
        var rowBytes = columns / BlockSize * pitch;
        return new StoredBlocks(format, tensor.Data + sizeof(ushort), pitch, rowBytes, tensor.Data, pitch, rowBytes, BlocksPerScale: 1);
    }
}
