namespace GuardSharp.Tensors.Cpu.Blocks;

/// <summary>Rows of x, rounded to 8 bits, into panels of twice the vector's lanes, one panel per item; the last may be of one vector.</summary>
internal sealed unsafe class BlockPackJob : ParallelJob
{
    private const int Alignment = 64;

    private BlockTileKernel? kernel;
    private ActivationRounding rounding;
    private float* x;
    private int columns;
    private byte* panels;
    private float* scales;
    private float* corrections;
    private int* rowWords;

    public int Rows { get; private set; }

    /// <summary>Blocks of a row.</summary>
    public int Blocks { get; private set; }

    /// <summary>Rows of x in a whole panel.</summary>
    public int PanelRows { get; private set; }

    public int Panels => (Rows + PanelRows - 1) / PanelRows;

    private int Words => kernel!.Activations.Words;

    private long PanelBytes => (long)Blocks * Words * PanelRows * sizeof(int);

    private long RowWords => (long)Blocks * Words;

    /// <summary>Prepares a run. Returns the bytes needed for its results and for the workers.</summary>
    public (long Result, long Scratch) Set(Tensor input, BlockWeight weight, BlockTileKernel tileKernel, int threads)
    {
        (kernel, rounding) = (tileKernel, weight.Activations);
        (columns, Rows, Blocks) = (input.Columns, input.Rows, weight.Blocks);
        x = (float*)input.Data;
        PanelRows = 2 * kernel.Lanes;
        var rows = (long)Panels * PanelRows;
        return ((Panels * PanelBytes) + (((rows * Blocks) + rows) * sizeof(float)) + Alignment, threads * PanelRows * RowWords * sizeof(int));
    }

    /// <summary>Where the results go, and the workers' memory.</summary>
    public void SetMemory(byte* result, byte* scratch)
    {
        panels = result;
        scales = (float*)(result + (Panels * PanelBytes));
        corrections = scales + ((long)Panels * PanelRows * Blocks);
        rowWords = (int*)scratch;
    }

    /// <summary>Vectors side by side in a panel: 2, or 1 where the last rows fit one.</summary>
    public int Vectors(int panel) => Rows - (panel * PanelRows) > kernel!.Lanes ? 2 : 1;

    /// <summary>The words of a block of a panel.</summary>
    public byte* Panel(int panel, int block) => panels + (panel * PanelBytes) + ((long)block * Words * Vectors(panel) * kernel!.Lanes * sizeof(int));

    /// <summary>The scales of a block of a panel.</summary>
    public float* Scales(int panel, int block) => scales + (((long)panel * PanelRows * Blocks) + ((long)block * Vectors(panel) * kernel!.Lanes));

    /// <summary>What the sum of an output's weights is multiplied with for a row.</summary>
    public float Correction(int row) => corrections[row];

    public override void Run(int item, int worker)
    {
        var first = item * PanelRows;
        var rows = Math.Min(PanelRows, Rows - first);
        var width = Vectors(item) * kernel!.Lanes;
        var words = rowWords + (worker * PanelRows * RowWords);
        var panelScales = Scales(item, 0);
        for (var row = 0; row < width; row++)
        {
            if (row < rows)
            {
                var source = x + ((long)(first + row) * columns);
                corrections[first + row] = RowQuantiser.Run(source, columns, kernel.Activations, words + (row * RowWords), panelScales + row, width, rounding);
                continue;
            }

            // Lanes without a row: their numbers are 0, and so must their scales be.
            for (var block = 0; block < Blocks; block++)
            {
                panelScales[((long)block * width) + row] = 0;
            }
        }

        var addresses = new RowAddresses((float*)words, 0, rows, checked((int)RowWords));
        Transposition.Pack(addresses.Span, checked((int)RowWords), (float*)Panel(item, 0), width);
    }
}
