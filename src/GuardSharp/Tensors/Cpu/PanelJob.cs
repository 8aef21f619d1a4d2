namespace GuardSharp.Tensors.Cpu;

/// <summary>x Wᵀ for many rows: a block of weight rows against a block of panels per item.</summary>
/// <remarks>
/// The lanes of a vector are rows of x, so the weights are read as they lie (only widened to float32, one cache-sized block at a time) and never transposed;
/// x, which is small beside them, is. Sizes after the second-level cache (1 MiB): weights 96 x 512 and sums 96 x 512 in float32 are 400 KB.
/// </remarks>
internal sealed unsafe class PanelJob(Kernels kernels, PackJob pack) : ParallelJob
{
    // Whole pieces of an encoded weight.
    private const int InputBlock = 2 * EncodedWeight.Piece;
    private const int OutputBlock = 96;
    private const int RowBlock = 512;

    private Weight? weight;
    private StoredWeight? stored;
    private float* bias;
    private float* y;
    private float* scratch;
    private int outputBlock;
    private int panelBlock;
    private int outputBlocks;

    /// <summary>Items, after <see cref="Set"/>.</summary>
    public int Items => outputBlocks * ((pack.Panels + panelBlock - 1) / panelBlock);

    /// <summary>Numbers of scratch memory that a worker needs.</summary>
    private long ScratchLength => ((long)outputBlock * InputBlock) + ((long)outputBlock * panelBlock * pack.PanelRows);

    /// <summary>Prepares the product of the packed x. Returns the bytes of scratch memory needed.</summary>
    public long Set(Weight matrix, float* offsets, Tensor result, int threads)
    {
        weight = matrix;
        stored = matrix as StoredWeight;
        bias = offsets;
        y = (float*)result.Data;
        // Small products are cut finer, so that every thread gets about four items.
        var rows = kernels.TileRows;
        var share = (matrix.Rows + (4 * threads) - 1) / (4 * threads);
        outputBlock = Math.Clamp((share + rows - 1) / rows * rows, rows, OutputBlock);
        outputBlocks = (matrix.Rows + outputBlock - 1) / outputBlock;
        var blocks = (pack.Rows + RowBlock - 1) / RowBlock;
        panelBlock = (pack.Panels + blocks - 1) / blocks;
        return ScratchLength * threads * sizeof(float);
    }

    public void SetScratch(float* memory) => scratch = memory;

    public override void Run(int item, int worker)
    {
        var (firstOutput, firstPanel) = (item % outputBlocks * outputBlock, item / outputBlocks * panelBlock);
        var outputs = Math.Min(outputBlock, weight!.Rows - firstOutput);
        var endPanel = Math.Min(firstPanel + panelBlock, pack.Panels);
        var widened = scratch + (worker * ScratchLength);
        var sums = widened + ((long)outputBlock * InputBlock);
        for (var input = 0; input < pack.Inputs; input += InputBlock)
        {
            var inputs = Math.Min(InputBlock, pack.Inputs - input);
            var (block, stride) = ((nint)widened, (nint)inputs);
            if (ReadDirectly(outputs, endPanel - firstPanel))
            {
                (block, stride) = (stored!.Data + (nint)((((long)firstOutput * weight.Columns) + input) * sizeof(float)), weight.Columns);
            }
            else
            {
                Widen(firstOutput, outputs, input, inputs, widened);
            }

            for (var panel = firstPanel; panel < endPanel; panel++)
            {
                var vectors = pack.Vectors(panel);
                var width = vectors * kernels.Lanes;
                var tiles = sums + ((long)(panel - firstPanel) * outputBlock * pack.PanelRows);
                var numbers = pack.Panel(panel) + ((long)input * width);
                for (var row = 0; row < outputs; row += kernels.TileRows)
                {
                    var ahead = Ahead(firstOutput, outputs, input, ((panel - firstPanel) * outputs / kernels.TileRows) + (row / kernels.TileRows));
                    var factors = new TileFactors((float*)block + (row * stride), stride, 1, ahead, stored?.NumberSize ?? 0);
                    kernels.Tile(factors, numbers, width, inputs, tiles + ((long)row * width), Math.Min(kernels.TileRows, outputs - row), vectors, input > 0);
                }
            }
        }

        for (var panel = firstPanel; panel < endPanel; panel++)
        {
            Write(panel, sums + ((long)(panel - firstPanel) * outputBlock * pack.PanelRows), firstOutput, outputs);
        }
    }

    /// <summary>True where a copy of the weights would not pay: they are float32 already, few panels use them, and tiles of 4, 8 or 12 rows fit without reading behind the last.</summary>
    private bool ReadDirectly(int outputs, int panels) => stored?.Type == WeightType.F32 && panels <= 2 && outputs % kernels.TileRows % 4 == 0;

    /// <summary>A row of the block of weights that follows, for the tile to fetch from memory while it computes: widening would otherwise wait for each row.</summary>
    private byte* Ahead(int firstOutput, int outputs, int input, int row)
    {
        var next = input + InputBlock < pack.Inputs ? input + InputBlock : 0;
        var output = next == 0 ? firstOutput + outputs + row : firstOutput + row;
        return row < outputs && output < weight!.Rows && stored is not null ? (byte*)stored.Data + ((((long)output * weight.Columns) + next) * stored.NumberSize) : null;
    }

    private void Widen(int firstOutput, int outputs, int input, int inputs, float* widened)
    {
        for (var row = 0; row < outputs; row++)
        {
            var target = widened + ((long)row * inputs);
            if (weight is EncodedWeight encoded)
            {
                encoded.Decode(firstOutput + row, input, inputs, target);
                continue;
            }

            var source = (byte*)stored!.Data + ((((long)(firstOutput + row) * stored.Columns) + input) * stored.NumberSize);
            kernels.Widen(source, stored.Type, target, inputs);
        }
    }

    private void Write(int panel, float* tiles, int firstOutput, int outputs)
    {
        var first = panel * pack.PanelRows;
        var rows = new RowAddresses(y + firstOutput, first, Math.Min(pack.PanelRows, pack.Rows - first), weight!.Rows);
        Transposition.Unpack(tiles, pack.Vectors(panel) * kernels.Lanes, outputs, bias is null ? null : bias + firstOutput, rows.Span);
    }
}
