namespace GuardSharp.Tensors.Cpu;

/// <summary>RmsNorm or LayerNorm, one row per item.</summary>
internal sealed unsafe class NormJob(Kernels kernels) : ParallelJob
{
    private float* x;
    private float* y;
    private float* weight;
    private float* bias;
    private int columns;
    private int groups;
    private float epsilon;
    private bool centred;

    public void Set(Tensor input, Tensor result, int parts, float offset, bool layerNorm)
    {
        x = (float*)input.Data;
        y = (float*)result.Data;
        (columns, groups, epsilon, centred) = (input.Columns, parts, offset, layerNorm);
    }

    public void SetVectors(float* factors, float* offsets)
    {
        weight = factors;
        bias = offsets;
    }

    public override void Run(int item, int worker)
    {
        var start = (long)item * columns;
        if (centred)
        {
            kernels.LayerNorm(x + start, weight, bias, y + start, columns, epsilon);
            return;
        }

        var part = columns / groups;
        for (var group = 0; group < groups; group++, start += part)
        {
            kernels.RmsNorm(x + start, weight, y + start, part, epsilon);
        }
    }
}
