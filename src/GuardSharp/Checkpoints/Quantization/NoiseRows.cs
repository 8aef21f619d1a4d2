namespace GuardSharp.Checkpoints.Quantization;

/// <summary>Random rows in bfloat16, made when they are asked for. One buffer serves all tensors, one after the other.</summary>
/// <param name="seed">Another seed gives other numbers.</param>
internal sealed class NoiseRows(int seed)
{
    private readonly WeightNoise _noise = new(seed);
    private ushort[] _block = [];

    /// <summary>The rows of a tensor.</summary>
    /// <param name="weight">The tensor.</param>
    /// <param name="constant">What all its numbers are; null: noise.</param>
    public IRowSource Of(PlannedWeight weight, float? constant) => new Rows(this, weight.Columns, _noise.Of(weight.Name), constant);

    // Pinned: rows are handed over by address, as those of a mapped file are.
    private ushort[] Block(int numbers) =>
        _block = _block.Length >= numbers ? _block : GC.AllocateUninitializedArray<ushort>(numbers, pinned: true);

    private sealed unsafe class Rows(NoiseRows owner, long columns, WeightNoise.Stream numbers, float? constant) : IRowSource
    {
        public nint Next(int rows)
        {
            var count = checked((int)(rows * columns));
            var block = owner.Block(count);
            if (constant is { } value)
            {
                block.AsSpan(0, count).Fill(WeightNoise.ToBFloat16(value));
            }
            else
            {
                numbers.Fill(block.AsSpan(0, count));
            }

            fixed (ushort* address = block)
            {
                return (nint)address;
            }
        }
    }
}
