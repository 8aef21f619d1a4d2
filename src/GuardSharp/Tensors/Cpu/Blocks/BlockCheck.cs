using System.Runtime.CompilerServices;

namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>Compares kernels with the plainest computation of the same product on fixed random numbers.</summary>
internal sealed unsafe class BlockCheck
{
    private const int Outputs = 12;
    // A group of four and one of two, and a block alone.
    private const int Blocks = 7;
    private const int Inputs = Blocks * BlockWeight.BlockSize;
    private const int MostRows = RowAddresses.Most;

    // Both sides add the same whole numbers; only the order of three sums in float32 differs.
    private const double Tolerance = 1e-5;

    private readonly Kernels kernels;
    private readonly byte[] numbers;

    // The same blocks as GGUF holds them, each behind its scale: kernels have other ways to read those.
    private readonly byte[] scaled;
    private readonly Half[] scales = new Half[Outputs * Blocks];
    private readonly float[] x = new float[MostRows * Inputs];
    private readonly BlockType type;

    public BlockCheck(Kernels kernels, BlockType type)
    {
        (this.kernels, this.type) = (kernels, type);
        var random = new Random(20);
        numbers = new byte[Outputs * Blocks * Stored.BytesOf(type)];
        random.NextBytes(numbers);
        for (var i = 0; i < scales.Length; i++)
        {
            scales[i] = (Half)(0.01 + random.NextDouble());
        }

        for (var i = 0; i < x.Length; i++)
        {
            x[i] = (float)((random.NextDouble() * 2) - 1);
        }

        // The largest sums there are: a row of the lowest weights against rows of one sign.
        var lowest = (byte)(type == BlockType.Int4 ? 0 : 0x80);
        numbers.AsSpan(0, Blocks * Stored.BytesOf(type)).Fill(lowest);
        numbers.AsSpan(Blocks * Stored.BytesOf(type), Blocks * Stored.BytesOf(type)).Fill((byte)(type == BlockType.Int4 ? 0xFF : 0x7F));
        var bytes = Stored.BytesOf(type);
        scaled = new byte[scales.Length * (sizeof(Half) + bytes)];
        for (var i = 0; i < scales.Length; i++)
        {
            var block = scaled.AsSpan(i * (sizeof(Half) + bytes));
            BitConverter.TryWriteBytes(block, scales[i]);
            numbers.AsSpan(i * bytes, bytes).CopyTo(block[sizeof(Half)..]);
        }

        x.AsSpan(0, Inputs).Fill(1);
        x.AsSpan(Inputs, Inputs).Fill(-1);
    }

    /// <summary>Whether a kernel for many rows computes right.</summary>
    public bool Passes(BlockTileKernel kernel)
    {
        var width = 2 * kernel.Lanes;
        var format = kernel.Activations;
        var words = new int[width * Blocks * format.Words];
        var activationScales = new float[Blocks * width];
        var panel = new int[words.Length];
        var tile = new float[Outputs * width];
        var stored = new byte[Outputs * Inputs * kernel.WeightBytes];
        var weightScales = new float[Outputs * Blocks];
        fixed (byte* w = numbers, taken = stored)
        fixed (Half* s = scales)
        fixed (int* rowWords = words, panelWords = panel)
        fixed (float* source = x, rowScales = activationScales, sums = tile, factors = weightScales)
        {
            var weight = Weight(w, s);
            for (var row = 0; row < width; row++)
            {
                _ = RowQuantiser.Run(source + (row * Inputs), Inputs, format, rowWords + (row * Blocks * format.Words), rowScales + row, width, ActivationRounding.Block);
            }

            var addresses = new RowAddresses((float*)rowWords, 0, width, Blocks * format.Words);
            Transposition.Pack(addresses.Span, Blocks * format.Words, (float*)panelWords, width);
            for (var output = 0; output < Outputs; output++)
            {
                Stored.Write(weight, output, 0, Blocks, kernel.Weights, taken + (output * Inputs * kernel.WeightBytes));
                Stored.WriteScales(kernels, weight, output, 0, Blocks, factors + (output * Blocks));
            }

            for (var first = 0; first < Outputs; first += kernel.TileRows)
            {
                var part = new BlockFactors(taken + (first * Inputs * kernel.WeightBytes), Inputs * kernel.WeightBytes, factors + (first * Blocks), Blocks);
                kernel.Tile(part, (byte*)panelWords, rowScales, Blocks, sums + (first * width), kernel.TileRows, 2);
            }
        }

        return Agrees(width, (output, row) => tile[(output * width) + row]);
    }

    /// <summary>Whether a kernel for few rows computes right, with scales apart from the numbers and between them.</summary>
    public bool Passes(BlockDotKernel kernel)
    {
        fixed (byte* w = numbers, mixed = scaled)
        fixed (Half* s = scales)
        {
            var pitch = sizeof(Half) + Stored.BytesOf(type);
            var between = new BlockLayout((nint)mixed + sizeof(Half), pitch, Blocks * pitch, (nint)mixed, pitch, Blocks * pitch, 1);
            return Passes(kernel, Weight(w, s)) && Passes(kernel, new BlockWeight("check", Outputs, Inputs, type, between));
        }
    }

    private bool Passes(BlockDotKernel kernel, BlockWeight weight)
    {
        const int rows = 4;
        var length = kernel.ListLength(Blocks);
        var words = new int[Blocks * kernel.Activations.Words];
        var arranged = new byte[Blocks * kernel.BlockBytes];
        // Scales, starts and factors of the activations, scales of each weight row.
        var lists = new float[(3 + Outputs) * length];
        var results = new float[Outputs * rows];
        fixed (byte* activations = arranged)
        fixed (int* rowWords = words)
        fixed (float* source = x, list = lists, result = results)
        {
            for (var row = 0; row < rows; row++)
            {
                _ = RowQuantiser.Run(source + (row * Inputs), Inputs, kernel.Activations, rowWords, list, 1, ActivationRounding.Block);
                kernel.Arrange(rowWords, Blocks, activations, list, list + length);
                var rounded = new ArrangedRow(activations, list, list + length, list + (2 * length));
                for (var output = 0; output < Outputs; output++)
                {
                    Stored.WriteScales(kernels, weight, output, 0, Blocks, list + ((3 + output) * length));
                }

                var stored = new StoredRows((byte*)weight.Layout.Numbers, Outputs, (nint)weight.Layout.RowPitch, Blocks, weight.Layout.BlockPitch, list + (3 * length), Stored.FetchAhead);
                kernel.Dots(stored, rounded, result + (row * Outputs));
            }
        }

        return Agrees(rows, (output, row) => results[(row * Outputs) + output]);
    }

    private BlockWeight Weight(byte* w, Half* s)
    {
        var bytes = Stored.BytesOf(type);
        return new BlockWeight("check", Outputs, Inputs, type, new BlockLayout((nint)w, bytes, Blocks * bytes, (nint)s, sizeof(Half), Blocks * sizeof(Half), 1));
    }

    private bool Agrees(int rows, Func<int, int, float> result)
    {
        for (var output = 0; output < Outputs; output++)
        {
            for (var row = 0; row < rows; row++)
            {
                var (expected, size) = Expected(output, row);
                // Written so that NaN does not agree.
                if (!(Math.Abs(result(output, row) - expected) <= Tolerance * size))
                {
                    return false;
                }
            }
        }

        return true;
    }

    /// <summary>The product in float64, and the sum of the absolute values it is made of.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private (double Value, double Size) Expected(int output, int row)
    {
        var (value, size) = (0.0, 0.0);
        for (var block = 0; block < Blocks; block++)
        {
            var part = x.AsSpan((row * Inputs) + (block * BlockWeight.BlockSize), BlockWeight.BlockSize);
            var most = 0f;
            foreach (var number in part)
            {
                most = Math.Max(most, Math.Abs(number));
            }

            var scale = most / 127;
            var sum = 0;
            for (var i = 0; i < part.Length; i++)
            {
                sum += Number((output * Blocks) + block, i) * (int)MathF.Round(part[i] * (1 / scale));
            }

            var product = (double)scale * (double)scales[(output * Blocks) + block] * sum;
            value += product;
            size += Math.Abs(product) + 1e-3;
        }

        return (value, size);
    }

    private int Number(int block, int i)
    {
        if (type == BlockType.Int8)
        {
            return (sbyte)numbers[(block * BlockWeight.BlockSize) + i];
        }

        var pair = numbers[(block * BlockWeight.BlockSize / 2) + (i % 16)];
        return (i < 16 ? pair & 0xF : pair >> 4) - 8;
    }
}
