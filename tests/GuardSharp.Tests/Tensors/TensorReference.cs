using GuardSharp.Tensors;

namespace GuardSharp.Tests.Tensors;

/// <summary>The operations in plain double precision loops, as their documentation defines them.</summary>
internal static class TensorReference
{
    /// <summary>x [rows, inputs] times the transpose of w [outputs, inputs].</summary>
    public static double[] Linear(float[] x, float[] w, float[]? bias, int rows, int inputs, int outputs)
    {
        var y = new double[rows * outputs];
        for (var n = 0; n < rows; n++)
        {
            for (var o = 0; o < outputs; o++)
            {
                double sum = bias?[o] ?? 0;
                for (var i = 0; i < inputs; i++) sum += (double)x[(n * inputs) + i] * w[(o * inputs) + i];
                y[(n * outputs) + o] = sum;
            }
        }

        return y;
    }

    /// <summary>Each of the equal parts of a row over its root mean square.</summary>
    public static double[] RmsNorm(float[] x, float[]? weight, double epsilon, int part)
    {
        var y = new double[x.Length];
        for (var start = 0; start < x.Length; start += part)
        {
            double squares = 0;
            for (var i = 0; i < part; i++) squares += (double)x[start + i] * x[start + i];
            var factor = 1 / Math.Sqrt((squares / part) + epsilon);
            for (var i = 0; i < part; i++) y[start + i] = x[start + i] * factor * (weight?[i] ?? 1);
        }

        return y;
    }

    public static double[] LayerNorm(float[] x, float[] weight, float[] bias, double epsilon)
    {
        var columns = weight.Length;
        var y = new double[x.Length];
        for (var start = 0; start < x.Length; start += columns)
        {
            var row = x.AsSpan(start, columns).ToArray().Select(v => (double)v).ToArray();
            var mean = row.Average();
            var deviation = Math.Sqrt(row.Select(v => (v - mean) * (v - mean)).Average() + epsilon);
            for (var i = 0; i < columns; i++) y[start + i] = ((row[i] - mean) / deviation * weight[i]) + bias[i];
        }

        return y;
    }

    public static double[] Rope(float[] x, float[] cosines, float[] sines, bool interleaved, int columns, int headSize)
    {
        var y = new double[x.Length];
        var pairs = headSize / 2;
        for (var i = 0; i < x.Length / 2; i++)
        {
            var (row, pairOfRow) = (i / (columns / 2), i % (columns / 2));
            var (head, pair) = (pairOfRow / pairs, pairOfRow % pairs);
            var start = (row * columns) + (head * headSize);
            var (first, second) = interleaved ? (start + (2 * pair), start + (2 * pair) + 1) : (start + pair, start + pair + pairs);
            double cosine = cosines[(row * pairs) + pair], sine = sines[(row * pairs) + pair];
            y[first] = (x[first] * cosine) - (x[second] * sine);
            y[second] = (x[first] * sine) + (x[second] * cosine);
        }

        return y;
    }

    /// <summary>Attention of one sequence whose keys all lie in <paramref name="k"/>; query i stands at position + i, key j at j.</summary>
    public static double[] Attention(float[] q, float[] k, float[] v, in AttentionPlan plan, int position)
    {
        var (width, keyWidth) = (plan.Heads * plan.HeadSize, plan.KeyHeads * plan.HeadSize);
        var (queries, keys) = (q.Length / width, k.Length / keyWidth);
        var y = new double[q.Length];
        for (var i = 0; i < queries; i++)
        {
            for (var head = 0; head < plan.Heads; head++)
            {
                var query = (i * width) + (head * plan.HeadSize);
                var keyHead = head / (plan.Heads / plan.KeyHeads) * plan.HeadSize;
                var scores = new double[keys];
                for (var j = 0; j < keys; j++)
                {
                    double dot = 0;
                    for (var d = 0; d < plan.HeadSize; d++) dot += (double)q[query + d] * k[(j * keyWidth) + keyHead + d];
                    scores[j] = Sees(plan, position + i, j) ? dot * plan.Scale : double.NegativeInfinity;
                }

                var highest = scores.Max();
                var total = scores.Sum(score => Math.Exp(score - highest));
                for (var j = 0; j < keys; j++)
                {
                    var share = Math.Exp(scores[j] - highest) / total;
                    for (var d = 0; d < plan.HeadSize; d++) y[query + d] += share * v[(j * keyWidth) + keyHead + d];
                }
            }
        }

        return y;
    }

    public static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    /// <summary>x Φ(x); Φ by the series of erf for small arguments and the continued fraction of erfc for large ones (Abramowitz and Stegun 7.1.6, 7.1.14).</summary>
    public static double Gelu(double x)
    {
        var z = Math.Abs(x) / Math.Sqrt(2);
        double tail;
        if (z < 2)
        {
            double term = z, sum = z;
            for (var n = 1; n < 60; n++) sum += term *= 2 * z * z / ((2 * n) + 1);
            tail = 1 - (2 / Math.Sqrt(Math.PI) * Math.Exp(-z * z) * sum);
        }
        else
        {
            var fraction = z;
            for (var n = 60; n > 0; n--) fraction = z + (n / 2.0 / fraction);
            tail = Math.Exp(-z * z) / Math.Sqrt(Math.PI) / fraction;
        }

        return x * (x > 0 ? 1 - (tail / 2) : tail / 2);
    }

    private static bool Sees(in AttentionPlan plan, int query, int key) => plan.Mask switch
    {
        AttentionMask.Full => true,
        AttentionMask.Causal => key <= query,
        _ => key <= query && key / plan.ChunkSize == query / plan.ChunkSize,
    };
}
