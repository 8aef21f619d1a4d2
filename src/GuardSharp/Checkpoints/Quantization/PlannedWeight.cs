namespace GuardSharp.Checkpoints.Quantization;

/// <summary>A weight of a checkpoint to be written.</summary>
/// <param name="Name">Its name in the files.</param>
/// <param name="Shape">Sizes, outermost first.</param>
/// <param name="SourceType">How its source stores it.</param>
/// <param name="Format">How it will be stored.</param>
/// <param name="Group">Inputs that share a scale: 32 or 256.</param>
internal sealed record PlannedWeight(string Name, long[] Shape, TensorType SourceType, NumberFormat Format, int Group)
{
    /// <summary>What a squared error of each input counts when four-bit scales are chosen; null: all the same.</summary>
    public float[]? Importance { get; init; }

    /// <summary>Steps of the outermost axis.</summary>
    public long Rows => Shape.Length > 0 ? Shape[0] : 1;

    /// <summary>Numbers of a row.</summary>
    public long Columns => Shape.Skip(1).Aggregate(1L, (product, size) => product * size);

    /// <summary>Blocks of a row; the last is filled up with zeros.</summary>
    public long Blocks => (Columns + StoredBlocks.BlockSize - 1) / StoredBlocks.BlockSize;

    /// <summary>Scales of a row.</summary>
    public long Scales => (Columns + Group - 1) / Group;

    /// <summary>Bytes of a row's numbers where it is quantised.</summary>
    public long NumberBytes => Format == NumberFormat.Int8 ? Blocks * StoredBlocks.BlockSize : Blocks * StoredBlocks.BlockSize / 2;

    /// <summary>What the files hold of it: itself, or its numbers and their scales.</summary>
    public IReadOnlyList<TensorPlan> Tensors => Format switch
    {
        NumberFormat.Kept => [new(Name, SourceType, Shape)],
        var format => [
            new(Name, format == NumberFormat.Int8 ? TensorType.I8 : TensorType.U8, [Rows, NumberBytes]),
            new(StoredBlocks.ScaleName(Name), TensorType.F16, [Rows, Scales])],
    };

    /// <summary>Bytes in the files.</summary>
    public long Bytes => Tensors.Sum(ShardPlan.BytesOf);
}
