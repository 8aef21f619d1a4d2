namespace GuardSharp.Tensors.Cpu;

/// <summary>Rotation of the pairs of every head, one row per item.</summary>
internal sealed unsafe class RopeJob : ParallelJob
{
    private float* x;
    private float* y;
    private float* cosines;
    private float* sines;
    private int columns;
    private int headSize;
    private bool interleaved;

    public void Set(Tensor input, Rotation rotation, Tensor result, int size)
    {
        x = (float*)input.Data;
        y = (float*)result.Data;
        cosines = (float*)rotation.Cosines.Data;
        sines = (float*)rotation.Sines.Data;
        (columns, headSize, interleaved) = (input.Columns, size, rotation.Interleaved);
    }

    public override void Run(int item, int worker)
    {
        var pairs = headSize / 2;
        var from = x + ((long)item * columns);
        var to = y + ((long)item * columns);
        var cosine = cosines + ((long)item * pairs);
        var sine = sines + ((long)item * pairs);
        // Distance between the two numbers of a pair, and between pairs.
        var (partner, step) = interleaved ? (1, 2) : (pairs, 1);
        for (var head = 0; head < columns; head += headSize)
        {
            for (var pair = 0; pair < pairs; pair++)
            {
                var first = head + (pair * step);
                var (a, b) = (from[first], from[first + partner]);
                to[first] = (a * cosine[pair]) - (b * sine[pair]);
                to[first + partner] = (a * sine[pair]) + (b * cosine[pair]);
            }
        }
    }
}
