namespace GuardSharp.Tensors.Cpu;

/// <summary>x Wᵀ + bias, one output column per item.</summary>
internal sealed unsafe class LinearJob(Kernels kernels) : ParallelJob
{
    private float* x;
    private float* y;
    private float* bias;
    private StoredWeight? weight;
    private int rows;
    private int inputs;
    private int outputs;

    public void Set(Tensor input, StoredWeight matrix, float* offsets, Tensor result)
    {
        x = (float*)input.Data;
        y = (float*)result.Data;
        bias = offsets;
        weight = matrix;
        (rows, inputs, outputs) = (input.Rows, input.Columns, matrix.Rows);
    }

    public override void Run(int item, int worker)
    {
        var size = weight!.Type == WeightType.F32 ? sizeof(float) : sizeof(ushort);
        for (var row = 0; row < rows; row++)
        {
            float sum = 0;
            if (weight.Transposed)
            {
                float number;
                for (long i = 0; i < inputs; i++)
                {
                    kernels.Widen((byte*)weight.Data + (((i * outputs) + item) * size), weight.Type, &number, 1);
                    sum += number * x[((long)row * inputs) + i];
                }
            }
            else
            {
                sum = kernels.Dot(x + ((long)row * inputs), (byte*)weight.Data + ((long)item * inputs * size), weight.Type, inputs);
            }

            y[((long)row * outputs) + item] = sum + (bias is null ? 0 : bias[item]);
        }
    }
}
