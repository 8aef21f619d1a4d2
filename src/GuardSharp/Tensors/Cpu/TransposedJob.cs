namespace GuardSharp.Tensors.Cpu;

/// <summary>x Wᵀ for weights stored as [inputs, outputs]: two vectors of outputs per item. The lanes are outputs, x is read as it lies.</summary>
internal sealed unsafe class TransposedJob(Kernels kernels) : ParallelJob
{
    private const int InputBlock = 256;
    private const int RowBlock = 96;

    private readonly int width = 2 * kernels.Lanes;
    private StoredWeight? weight;
    private float* x;
    private float* bias;
    private float* y;
    private float* scratch;
    private int rows;

    public int Items => (weight!.Rows + width - 1) / width;

    /// <summary>Numbers of scratch memory that a worker needs: a block of weights and the sums (a tile may write three rows too many).</summary>
    private long ScratchLength => (long)width * (InputBlock + RowBlock + kernels.TileRows);

    /// <summary>Prepares a product. Returns the bytes of scratch memory needed.</summary>
    public long Set(Tensor input, StoredWeight matrix, float* offsets, Tensor result, int threads)
    {
        weight = matrix;
        bias = offsets;
        x = (float*)input.Data;
        y = (float*)result.Data;
        rows = input.Rows;
        return ScratchLength * threads * sizeof(float);
    }

    public void SetScratch(float* memory) => scratch = memory;

    public override void Run(int item, int worker)
    {
        var first = item * width;
        var outputs = Math.Min(width, weight!.Rows - first);
        var widened = scratch + (worker * ScratchLength);
        var sums = widened + ((long)width * InputBlock);
        for (var row = 0; row < rows; row += RowBlock)
        {
            var block = Math.Min(RowBlock, rows - row);
            for (var input = 0; input < weight.Columns; input += InputBlock)
            {
                var inputs = Math.Min(InputBlock, weight.Columns - input);
                Widen(first, outputs, input, inputs, widened);
                for (var r = 0; r < block; r += kernels.TileRows)
                {
                    Products(row + r, Math.Min(kernels.TileRows, block - r), input, inputs, widened, sums + ((long)r * width));
                }
            }

            Write(row, block, first, outputs, sums);
        }
    }

    /// <summary>Whole tiles read only rows that exist; the last few rows go one by one (stride 0: the tile repeats the row, and only its first result counts).</summary>
    private void Products(int row, int count, int input, int inputs, float* widened, float* sums)
    {
        var source = x + ((long)row * weight!.Columns) + input;
        if (count == kernels.TileRows)
        {
            kernels.Tile(new TileFactors(source, weight.Columns, 1), widened, width, inputs, sums, count, 2, input > 0);
            return;
        }

        for (var r = 0; r < count; r++)
        {
            // Sums of rows that follow are overwritten or still wrong here, so each row adds up on its own.
            SingleRow(source + ((long)r * weight.Columns), input, inputs, widened, sums + ((long)r * width));
        }
    }

    private void SingleRow(float* source, int input, int inputs, float* widened, float* sums)
    {
        var tile = stackalloc float[4 * RowAddresses.Most];
        kernels.Tile(new TileFactors(source, 0, 1), widened, width, inputs, tile, 4, 2, false);
        for (var lane = 0; lane < width; lane++)
        {
            sums[lane] = tile[lane] + (input > 0 ? sums[lane] : 0);
        }
    }

    private void Widen(int first, int outputs, int input, int inputs, float* widened)
    {
        for (var i = 0; i < inputs; i++)
        {
            var source = (byte*)weight!.Data + ((((long)(input + i) * weight.Rows) + first) * weight.NumberSize);
            kernels.Widen(source, weight.Type, widened + ((long)i * width), outputs);
        }
    }

    private void Write(int row, int count, int first, int outputs, float* sums)
    {
        for (var r = 0; r < count; r++)
        {
            var target = y + ((long)(row + r) * weight!.Rows) + first;
            for (var i = 0; i < outputs; i++)
            {
                target[i] = sums[((long)r * width) + i] + (bias is null ? 0 : bias[first + i]);
            }
        }
    }
}
