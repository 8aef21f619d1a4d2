namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>x Wᵀ for many rows and quantised weights: a block of weight rows against a block of panels per item.</summary>
/// <remarks>The counterpart of <see cref="PanelJob"/>: weights are brought into the kernel's form one cache-sized block at a time, in which all panels then use them.</remarks>
internal sealed unsafe class BlockPanelJob(Kernels kernels, BlockPackJob pack, BlockRowSums rowSums) : ParallelJob
{
    // 2,048 inputs.
    private const int InputBlocks = 64;
    private const int OutputBlock = 96;
    private const int RowBlock = 512;

    // Tiles write up to 12 rows; whole tiles of any shape fit in front of the next panel's.
    private const int Spare = 12;

    private BlockTileKernel? kernel;
    private BlockWeight? weight;
    private float* bias;
    private float* y;
    private byte* scratch;
    private int outputBlock;
    private int panelBlock;
    private int outputBlocks;

    /// <summary>Items, after <see cref="Set"/>.</summary>
    public int Items => outputBlocks * ((pack.Panels + panelBlock - 1) / panelBlock);

    private int RowBytes => InputBlocks * BlockWeight.BlockSize * kernel!.WeightBytes;

    private long WeightsLength => (long)(outputBlock + Spare) * RowBytes;

    private long ScalesLength => (long)(outputBlock + Spare) * InputBlocks * sizeof(float);

    private long TileFloats => (long)(outputBlock + Spare) * pack.PanelRows;

    private long ScratchLength => WeightsLength + ScalesLength + (panelBlock * TileFloats * sizeof(float));

    /// <summary>Prepares the product of the packed x. Returns the bytes of scratch memory needed.</summary>
    public long Set(BlockWeight matrix, BlockTileKernel tileKernel, float* offsets, Tensor result, int threads)
    {
        (weight, kernel) = (matrix, tileKernel);
        bias = offsets;
        y = (float*)result.Data;
        // Small products are cut finer, so that every thread gets about four items.
        var rows = kernel.TileRows;
        var share = (matrix.Rows + (4 * threads) - 1) / (4 * threads);
        outputBlock = Math.Clamp((share + rows - 1) / rows * rows, rows, OutputBlock);
        outputBlocks = (matrix.Rows + outputBlock - 1) / outputBlock;
        var blocks = (pack.Rows + RowBlock - 1) / RowBlock;
        panelBlock = (pack.Panels + blocks - 1) / blocks;
        return ScratchLength * threads;
    }

    public void SetScratch(byte* memory) => scratch = memory;

    public override void Run(int item, int worker)
    {
        var (firstOutput, firstPanel) = (item % outputBlocks * outputBlock, item / outputBlocks * panelBlock);
        var outputs = Math.Min(outputBlock, weight!.Rows - firstOutput);
        var endPanel = Math.Min(firstPanel + panelBlock, pack.Panels);
        var numbers = scratch + (worker * ScratchLength);
        var scales = (float*)(numbers + WeightsLength);
        var sums = (float*)(numbers + WeightsLength + ScalesLength);
        new Span<float>(sums, checked((int)((endPanel - firstPanel) * TileFloats))).Clear();
        for (var block = 0; block < pack.Blocks; block += InputBlocks)
        {
            var blocks = Math.Min(InputBlocks, pack.Blocks - block);
            for (var row = 0; row < outputs; row++)
            {
                Stored.Write(weight, firstOutput + row, block, blocks, kernel!.Weights, numbers + ((long)row * RowBytes));
                Stored.WriteScales(kernels, weight, firstOutput + row, block, blocks, scales + (row * InputBlocks));
            }

            var fetched = 0;
            var perTile = RowsToFetch(outputs, endPanel - firstPanel);
            for (var panel = firstPanel; panel < endPanel; panel++)
            {
                var vectors = pack.Vectors(panel);
                var width = vectors * kernel!.Lanes;
                var tiles = sums + ((panel - firstPanel) * TileFloats);
                for (var row = 0; row < outputs; row += kernel.TileRows)
                {
                    for (var end = Math.Min(outputs, fetched + perTile); fetched < end; fetched++)
                    {
                        Fetch(firstOutput, outputs, block, fetched);
                    }

                    var factors = new BlockFactors(numbers + ((long)row * RowBytes), RowBytes, scales + (row * InputBlocks), InputBlocks);
                    kernel.Tile(factors, pack.Panel(panel, block), pack.Scales(panel, block), blocks, tiles + ((long)row * width),
                        Math.Min(kernel.TileRows, outputs - row), vectors);
                }
            }
        }

        for (var panel = firstPanel; panel < endPanel; panel++)
        {
            Write(panel, sums + ((panel - firstPanel) * TileFloats), firstOutput, outputs);
        }

        if (weight.Activations == ActivationRounding.Token)
        {
            Correct(firstPanel * pack.PanelRows, Math.Min(pack.Rows, endPanel * pack.PanelRows), firstOutput, outputs);
        }
    }

    /// <summary>How many rows of the following block of weights each tile asks for, so that all are on their way when the last one is computed.</summary>
    private int RowsToFetch(int outputs, int panels)
    {
        var tiles = panels * ((outputs + kernel!.TileRows - 1) / kernel.TileRows);
        return (outputs + tiles - 1) / tiles;
    }

    /// <summary>Asks the memory for a row of the block of weights that follows: bringing it into the kernel's form would otherwise wait for each row.</summary>
    private void Fetch(int firstOutput, int outputs, int block, int row)
    {
        var next = block + InputBlocks < pack.Blocks ? block + InputBlocks : 0;
        var output = next == 0 ? firstOutput + outputs + row : firstOutput + row;
        if (output < weight!.Rows)
        {
            Stored.Fetch(weight, output, next, Math.Min(InputBlocks, pack.Blocks - next));
        }
    }

    private void Write(int panel, float* tiles, int firstOutput, int outputs)
    {
        var first = panel * pack.PanelRows;
        var rows = new RowAddresses(y + firstOutput, first, Math.Min(pack.PanelRows, pack.Rows - first), weight!.Rows);
        Transposition.Unpack(tiles, pack.Vectors(panel) * kernel!.Lanes, outputs, bias is null ? null : bias + firstOutput, rows.Span);
    }

    /// <summary>Takes the zero points of the rows off again.</summary>
    private void Correct(int firstRow, int endRow, int firstOutput, int outputs)
    {
        for (var output = firstOutput; output < firstOutput + outputs; output++)
        {
            var sum = rowSums.Of(weight!, output);
            for (var row = firstRow; row < endRow; row++)
            {
                y[((long)row * weight!.Rows) + output] += pack.Correction(row) * sum;
            }
        }
    }
}
