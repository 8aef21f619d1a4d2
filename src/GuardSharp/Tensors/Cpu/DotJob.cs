namespace GuardSharp.Tensors.Cpu;

/// <summary>x Wᵀ for few rows: dot products with the weights as they lie. Reading the weights is the cost, and each is read once per four rows.</summary>
internal sealed unsafe class DotJob(Kernels kernels) : ParallelJob
{
    private StoredWeight? weight;
    private float* x;
    private float* bias;
    private float* y;
    private int rows;
    private int block;

    public int Items => (weight!.Rows + block - 1) / block;

    public void Set(Tensor input, StoredWeight matrix, float* offsets, Tensor result, int threads)
    {
        weight = matrix;
        bias = offsets;
        x = (float*)input.Data;
        y = (float*)result.Data;
        rows = input.Rows;
        // About eight items per thread, of whole groups of four outputs.
        block = Math.Max(4, (matrix.Rows / (8 * threads)) & ~3);
    }

    public override void Run(int item, int worker)
    {
        var first = item * block;
        var outputs = Math.Min(block, weight!.Rows - first);
        var source = (byte*)weight.Data + ((long)first * weight.Columns * weight.NumberSize);
        for (var row = 0; row < rows;)
        {
            var count = rows - row >= 4 ? 4 : 1;
            kernels.Dots(x + ((long)row * weight.Columns), count, source, weight.Type, outputs, weight.Columns, y + ((long)row * weight.Rows) + first, weight.Rows);
            row += count;
        }

        if (bias is not null)
        {
            for (var row = 0; row < rows; row++)
            {
                var target = y + ((long)row * weight.Rows) + first;
                for (var i = 0; i < outputs; i++) target[i] += bias[first + i];
            }
        }
    }
}
