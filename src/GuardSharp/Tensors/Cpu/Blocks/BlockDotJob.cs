namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>x Wᵀ for few rows and quantised weights: dot products with the weights as they lie. Reading them is the cost; all rows use them while they are in the cache.</summary>
internal sealed unsafe class BlockDotJob(Kernels kernels, BlockRowSums rowSums) : ParallelJob
{
    private const int Alignment = 64;

    // Outputs that a kernel does in one call.
    private const int Batch = 8;

    private BlockDotKernel? kernel;
    private BlockWeight? weight;
    private float* bias;
    private float* y;
    private byte* memory;
    private int rows;
    private int threads;
    private int outputBlock;

    // A whole number for each thread: see Run.
    public int Items => ItemsOfThread * threads;

    private int ItemsOfThread => (weight!.Rows + (outputBlock * threads) - 1) / (outputBlock * threads);

    private int ListLength => kernel!.ListLength(weight!.Blocks);

    private long ActivationBytes => ((long)weight!.Blocks * kernel!.BlockBytes + Alignment - 1) / Alignment * Alignment;

    private long RowBytes => ActivationBytes + (2L * ListLength * sizeof(float));

    /// <summary>Corrections of the rows, behind all rows.</summary>
    private float* Corrections => (float*)(memory + (rows * RowBytes));

    /// <summary>Numbers a worker needs: scales of a batch, and a list of factors.</summary>
    private int WorkerLength => (Batch + 1) * ListLength;

    private int CorrectionsLength => (rows + 15) / 16 * 16;

    /// <summary>Prepares a product. Returns the bytes of memory needed.</summary>
    public long Set(Tensor input, BlockWeight matrix, BlockDotKernel dotKernel, float* offsets, Tensor result, int workers)
    {
        (weight, kernel, rows, threads) = (matrix, dotKernel, input.Rows, workers);
        bias = offsets;
        y = (float*)result.Data;
        // About eight items per thread.
        outputBlock = Math.Max(4, matrix.Rows / (8 * threads));
        return (rows * RowBytes) + ((CorrectionsLength + ((long)threads * WorkerLength)) * sizeof(float)) + ((long)matrix.Blocks * kernel.Activations.Words * sizeof(int));
    }

    /// <summary>Rounds the activations into the memory asked for.</summary>
    public void Quantise(Tensor input, byte* target)
    {
        memory = target;
        var words = (int*)(Corrections + CorrectionsLength + ((long)threads * WorkerLength));
        // Lists are read in whole vectors.
        new Span<float>(Corrections, checked(CorrectionsLength + (threads * WorkerLength))).Clear();
        for (var row = 0; row < rows; row++)
        {
            var arranged = Row(row, 0);
            new Span<float>(arranged.Scales, 2 * ListLength).Clear();
            Corrections[row] = RowQuantiser.Run(
                (float*)input.Data + ((long)row * input.Columns), input.Columns, kernel!.Activations, words, arranged.Scales, 1, weight!.Activations);
            kernel.Arrange(words, weight.Blocks, arranged.Activations, arranged.Scales, arranged.Starts);
        }
    }

    public override void Run(int item, int worker)
    {
        var layout = weight!.Layout;
        var scales = Corrections + CorrectionsLength + ((long)worker * WorkerLength);
        // Threads that are equally fast take items in turn: so each goes on where it stopped, and what it has asked for beyond its item is its own.
        var first = ((item % threads * ItemsOfThread) + (item / threads)) * outputBlock;
        var end = Math.Min(weight.Rows, first + outputBlock);
        // Scales between the numbers are brought together for a batch first, which so touches the whole batch: what is asked for lies behind it.
        var ahead = layout.ScalePitch == sizeof(ushort) ? Stored.FetchAhead : (nint)(Batch * layout.RowPitch);
        for (var output = first; output < end; output += Batch)
        {
            var count = Math.Min(Batch, end - output);
            WriteScales(output, count, scales);
            Stored.FetchScales(weight, output + Batch, Batch);
            var source = (byte*)layout.Numbers + (output * layout.RowPitch);
            var stored = new StoredRows(source, count, (nint)layout.RowPitch, weight.Blocks, layout.BlockPitch, scales, ahead);
            for (var row = 0; row < rows; row++)
            {
                var target = y + ((long)row * weight.Rows) + output;
                kernel!.Dots(stored, Row(row, worker), target);
                Finish(row, output, count, target);
            }
        }
    }

    private void WriteScales(int output, int count, float* target)
    {
        var layout = weight!.Layout;
        if (layout.BlocksPerScale == 1 && layout.ScaleRowPitch == (long)weight.Blocks * layout.ScalePitch && ListLength == weight.Blocks)
        {
            // Rows that follow each other without a gap are one long row.
            Stored.WriteScales(kernels, weight, output, 0, count * weight.Blocks, target);
            return;
        }

        for (var i = 0; i < count; i++)
        {
            Stored.WriteScales(kernels, weight, output + i, 0, weight.Blocks, target + (i * ListLength));
        }
    }

    private void Finish(int row, int output, int count, float* target)
    {
        for (var i = 0; i < count; i++)
        {
            target[i] += (bias is null ? 0 : bias[output + i]) + (weight!.Activations == ActivationRounding.Token ? Corrections[row] * rowSums.Of(weight, output + i) : 0);
        }
    }

    private ArrangedRow Row(int row, int worker)
    {
        var start = memory + (row * RowBytes);
        var lists = (float*)(start + ActivationBytes);
        return new ArrangedRow(start, lists, lists + ListLength, Corrections + CorrectionsLength + ((long)worker * WorkerLength) + (Batch * ListLength));
    }
}
