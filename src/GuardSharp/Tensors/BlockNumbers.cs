namespace GuardSharp.Tensors;

/// <summary>The numbers of a <see cref="BlockWeight"/> in single precision: rows of an embedding, and backends without kernels for it.</summary>
internal static unsafe class BlockNumbers
{
    /// <summary>Writes a row: whole number times scale.</summary>
    /// <param name="weight">The weight.</param>
    /// <param name="row">The row.</param>
    /// <param name="values">As many numbers as the weight has columns.</param>
    public static void Row(BlockWeight weight, int row, Span<float> values)
    {
        var layout = weight.Layout;
        for (var block = 0; block < weight.Blocks; block++)
        {
            var bytes = (byte*)layout.Numbers + (row * layout.RowPitch) + ((long)block * layout.BlockPitch);
            // Of a mapped file nothing says that a scale lies at an even address.
            var at = layout.Scales + (nint)((row * layout.ScaleRowPitch) + ((long)(block / layout.BlocksPerScale) * layout.ScalePitch));
            var scale = (float)System.Runtime.CompilerServices.Unsafe.ReadUnaligned<Half>((void*)at);
            var first = block * BlockWeight.BlockSize;
            for (var i = 0; i < Math.Min(BlockWeight.BlockSize, weight.Columns - first); i++)
            {
                values[first + i] = scale * (weight.Type == BlockType.Int8 ? (sbyte)bytes[i] : Nibble(bytes, i));
            }
        }
    }

    private static int Nibble(byte* bytes, int index)
    {
        const int Half = BlockWeight.BlockSize / 2;
        return (index < Half ? bytes[index] & 0xF : bytes[index - Half] >> 4) - 8;
    }
}
