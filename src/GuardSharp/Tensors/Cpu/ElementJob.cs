namespace GuardSharp.Tensors.Cpu;

/// <summary>An elementwise operation in pieces that fit the first-level cache.</summary>
internal sealed unsafe class ElementJob(Kernels kernels) : ParallelJob
{
    /// <summary>Numbers per item: a multiple of every vector width.</summary>
    private const int Piece = 4096;

    private Element operation;
    private float* a;
    private float* b;
    private float* y;
    private long length;

    public int Items => (int)((length + Piece - 1) / Piece);

    public void Set(Element element, Tensor first, Tensor second, Tensor result)
    {
        (operation, length) = (element, result.Length);
        a = (float*)first.Data;
        b = (float*)second.Data;
        y = (float*)result.Data;
    }

    public override void Run(int item, int worker)
    {
        var start = (long)item * Piece;
        kernels.Elementwise(operation, a + start, b + start, y + start, Math.Min(Piece, length - start));
    }
}
