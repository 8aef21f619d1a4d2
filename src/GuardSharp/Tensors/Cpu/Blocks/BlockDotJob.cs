namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>x Wᵀ for few rows and quantised weights: dot products with the weights as they lie. Reading them is the cost; all rows use them while they are in the cache.</summary>
internal sealed unsafe class BlockDotJob(Kernels kernels, BlockRowSums rowSums) : ParallelJob
{
    private BlockDotKernel? kernel;
    private BlockWeight? weight;
    private float* bias;
    private float* y;
    private int* words;
    private float* scales;
    private float* corrections;
    private float* weightScales;
    private int rows;
    private int block;

    public int Items => (weight!.Rows + block - 1) / block;

    private long RowWords => (long)weight!.Blocks * kernel!.Activations.Words;

    /// <summary>Prepares a product. Returns the bytes of memory needed.</summary>
    public long Set(Tensor input, BlockWeight matrix, BlockDotKernel dotKernel, float* offsets, Tensor result, int threads)
    {
        (weight, kernel, rows) = (matrix, dotKernel, input.Rows);
        bias = offsets;
        y = (float*)result.Data;
        // About eight items per thread.
        block = Math.Max(4, matrix.Rows / (8 * threads));
        return ((rows * (RowWords + matrix.Blocks + 1)) + ((long)threads * matrix.Blocks)) * sizeof(float);
    }

    /// <summary>Rounds the activations into the memory asked for.</summary>
    public void Quantise(Tensor input, byte* memory)
    {
        words = (int*)memory;
        scales = (float*)(words + (rows * RowWords));
        corrections = scales + ((long)rows * weight!.Blocks);
        weightScales = corrections + rows;
        for (var row = 0; row < rows; row++)
        {
            corrections[row] = RowQuantiser.Run(
                (float*)input.Data + ((long)row * input.Columns), input.Columns, kernel!.Activations, words + (row * RowWords), scales + ((long)row * weight.Blocks), 1, weight.PerToken);
        }
    }

    public override void Run(int item, int worker)
    {
        var layout = weight!.Layout;
        var blocks = weight.Blocks;
        var own = weightScales + ((long)worker * blocks);
        var end = Math.Min(weight.Rows, (item + 1) * block);
        for (var output = item * block; output < end; output++)
        {
            Stored.WriteScales(kernels, weight, output, 0, blocks, own);
            var source = (byte*)layout.Numbers + (output * layout.RowPitch);
            var offset = bias is null ? 0 : bias[output];
            var sum = weight.PerToken ? rowSums.Of(weight, output) : 0;
            for (var row = 0; row < rows; row++)
            {
                y[((long)row * weight.Rows) + output] = offset + (corrections[row] * sum)
                    + kernel!.Dot(source, layout.BlockPitch, own, words + (row * RowWords), scales + ((long)row * blocks), blocks);
            }
        }
    }
}
