using GuardSharp.Conversations;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp;

/// <summary>How much each input of each linear layer matters: its mean square while sample conversations are judged.</summary>
/// <remarks>The squared error of a product is, for independent inputs, the sum of squared errors of the weights times these: what four-bit scales are chosen by.</remarks>
internal sealed class InputImportance
{
    // Of the mean: an input that no sample used is not free to be wrong.
    private const double LeastShare = 0.01;

    private readonly Dictionary<string, double[]> _squares = new(StringComparer.Ordinal);

    private InputImportance()
    {
    }

    /// <summary>Judges conversations and notes what every layer reads.</summary>
    /// <param name="folder">The model, in a form with full precision.</param>
    /// <param name="samples">Conversations like those the model will judge.</param>
    /// <param name="options">Threads and prompt.</param>
    /// <param name="judged">Told how many were judged.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <exception cref="GuardException">The model cannot be loaded, or a conversation not be judged by it.</exception>
    public static async Task<InputImportance> MeasureAsync(
        string folder, IReadOnlyList<Conversation> samples, GuardOptions options, Action<int> judged, CancellationToken cancellationToken)
    {
        var importance = new InputImportance();
        var guard = GuardClassifier.LoadOn(weights => (new WatchedOps(new CpuOps(options.Threads), importance.Add), weights), folder, options);
        await using (guard.ConfigureAwait(false))
        {
            for (var i = 0; i < samples.Count; i++)
            {
                await guard.ClassifyAsync(samples[i], null, cancellationToken).ConfigureAwait(false);
                judged(i + 1);
            }
        }

        return importance;
    }

    /// <summary>What a squared error of each input of a weight counts, 1 in the mean; null: no sample used the weight.</summary>
    /// <param name="name">The weight's published name.</param>
    public float[]? Of(string name)
    {
        if (!_squares.TryGetValue(name, out var squares) || squares.Average() is not (> 0 and < double.PositiveInfinity and var mean))
        {
            return null;
        }

        return Array.ConvertAll(squares, square => (float)(Math.Max(square, LeastShare * mean) / mean));
    }

    // The engine's thread alone calls it, and has ended when the sums are read.
    private unsafe void Add(Weight weight, Tensor x)
    {
        if (!_squares.TryGetValue(weight.Name, out var squares))
        {
            _squares.Add(weight.Name, squares = new double[x.Columns]);
        }

        for (var row = 0; row < x.Rows; row++)
        {
            var values = new ReadOnlySpan<float>((float*)x.Data + ((long)row * x.Columns), x.Columns);
            for (var i = 0; i < values.Length; i++)
            {
                squares[i] += (double)values[i] * values[i];
            }
        }
    }
}
