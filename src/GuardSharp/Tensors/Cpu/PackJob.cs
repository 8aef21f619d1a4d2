namespace GuardSharp.Tensors.Cpu;

/// <summary>Rows of x into panels [inputs, width] of twice the vector's lanes, one panel per item; the last may be of one vector.</summary>
internal sealed unsafe class PackJob(Kernels kernels) : ParallelJob
{
    private float* x;
    private float* panels;

    public int Rows { get; private set; }

    public int Inputs { get; private set; }

    /// <summary>Rows of x in a whole panel.</summary>
    public int PanelRows { get; } = 2 * kernels.Lanes;

    public int Panels => (Rows + PanelRows - 1) / PanelRows;

    public void Set(Tensor input, float* target)
    {
        x = (float*)input.Data;
        panels = target;
        (Rows, Inputs) = (input.Rows, input.Columns);
    }

    /// <summary>Vectors side by side in a panel: 2, or 1 where the last rows fit one.</summary>
    public int Vectors(int panel) => Rows - (panel * PanelRows) > kernels.Lanes ? 2 : 1;

    public float* Panel(int panel) => panels + ((long)panel * PanelRows * Inputs);

    public override void Run(int item, int worker)
    {
        var first = item * PanelRows;
        var rows = new RowAddresses(x, first, Math.Min(PanelRows, Rows - first), Inputs);
        Transposition.Pack(rows.Span, Inputs, Panel(item), Vectors(item) * kernels.Lanes);
    }
}
