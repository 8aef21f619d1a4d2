using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Pruning;
using GuardSharp.Conversations;
using GuardSharp.Models;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp;

/// <summary>Measures on calibration conversations which layers and neurons of a model matter, and says what to keep.</summary>
/// <remarks>One conversation a pass, on the CPU backend; weights stay mapped. Neurons are measured in the network of the layers that stay.</remarks>
internal sealed class PruningImportance : IDisposable
{
    private const string Activations = "down_proj.weight";

    private readonly Checkpoint _checkpoint;
    private readonly CpuOps _cpu;
    private readonly IGuardNetwork _network;
    private readonly Dictionary<string, double[]> _norms = new(StringComparer.Ordinal);
    private readonly List<string> _order = [];

    /// <param name="folder">The model, in a form with full precision.</param>
    /// <param name="threads">Threads; 0: all cores.</param>
    public PruningImportance(string folder, int threads)
    {
        _checkpoint = Checkpoint.Open(folder);
        _cpu = new CpuOps(threads);
        try
        {
            var config = ModelConfig.Read(folder);
            _network = GuardNetworks.Create(new WatchedOps(_cpu, Watch), new CheckpointWeights(_checkpoint, config.NamesIn(_checkpoint)), config);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The ids of conversations as a model reads them, with the tokens it can answer with.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="samples">The conversations.</param>
    /// <param name="options">Prompt and context.</param>
    /// <exception cref="GuardException">The model cannot be loaded, or a conversation has a picture or does not fit.</exception>
    public static async Task<CalibrationRows> EncodeAsync(string folder, IReadOnlyList<Conversation> samples, GuardOptions options)
    {
        var guard = GuardClassifier.Load(folder, options);
        await using (guard.ConfigureAwait(false))
        {
            var rows = new List<int[]>();
            foreach (var sample in samples)
            {
                var rendered = guard.Render(sample, guard.DefaultPolicy);
                rows.Add(rendered.Images.Count == 0
                    ? guard.Encode(rendered, [], CancellationToken.None).AllIds()
                    : throw new GuardException($"Calibration row {rows.Count + 1} has a picture; what matters is measured on text. Leave such rows out."));
            }

            return new CalibrationRows(rows, guard.AnswerTokens(), guard.Capabilities);
        }
    }

    /// <summary>Measures and chooses.</summary>
    /// <param name="rows">Ids of conversations.</param>
    /// <param name="layers">Layers to keep; null: all, and they are not measured.</param>
    /// <param name="neurons">Neurons to keep of each; null: all, and they are not measured.</param>
    /// <param name="done">Told how many passes of how many were run.</param>
    /// <param name="cancellationToken">Stops.</param>
    public (PruningPlan Plan, PruningScores Scores) Run(IReadOnlyList<int[]> rows, int? layers, int? neurons, Action<int, int> done, CancellationToken cancellationToken)
    {
        var total = rows.Count * ((layers is null ? 0 : 1) + (neurons is null ? 0 : 1));
        var scores = new PruningScores { Conversations = rows.Count, Tokens = rows.Sum(row => (long)row.Length) };
        int[] kept = [.. Enumerable.Range(0, _network.Shape.Layers)];
        if (layers is { } count)
        {
            scores = scores with { Layers = BlockImportance(rows, kept, i => done(i, total), cancellationToken) };
            kept = PruningPlan.Best(scores.Layers, count);
        }

        var plan = new PruningPlan(kept);
        if (neurons is not { } width)
        {
            return (plan, scores);
        }

        scores = scores with { Neurons = NeuronNorms(rows, kept, i => done(total - rows.Count + i, total), cancellationToken) };
        return (plan with { Neurons = [.. scores.Neurons.Select(norms => PruningPlan.Best(norms, width))] }, scores);
    }

    public void Dispose()
    {
        _cpu.Dispose();
        _checkpoint.Dispose();
    }

    /// <summary>1 less the mean cosine of a layer's input and output, over the tokens of all rows.</summary>
    private double[] BlockImportance(IReadOnlyList<int[]> rows, int[] layers, Action<int> done, CancellationToken cancellationToken)
    {
        var (cosines, tokens) = (new double[layers.Length], 0L);
        for (var i = 0; i < rows.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Run(rows[i], layers, (layer, before, after) => cosines[layer] += Cosines(before, after));
            tokens += rows[i].Length;
            done(i + 1);
        }

        return Array.ConvertAll(cosines, sum => 1 - (sum / tokens));
    }

    /// <summary>The norm of each neuron's activations over the tokens of a row, in the mean of the rows, for each layer in order.</summary>
    private double[][] NeuronNorms(IReadOnlyList<int[]> rows, int[] layers, Action<int> done, CancellationToken cancellationToken)
    {
        _norms.Clear();
        _order.Clear();
        for (var i = 0; i < rows.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Run(rows[i], layers, (_, _, _) => { });
            done(i + 1);
        }

        return [.. _order.Select(name => Array.ConvertAll(_norms[name], sum => sum / rows.Count))];
    }

    private void Run(int[] ids, int[] layers, Action<int, Tensor, Tensor> after)
    {
        using var pass = _cpu.Scope();
        var hidden = _network.Embed(ids);
        var context = _network.Begin([SequenceSpan.Self(0, ids.Length)]);
        foreach (var layer in layers)
        {
            Tensor next;
            using (_cpu.Scope())
            {
                next = _cpu.Keep(_network.Layer(layer, hidden, context));
            }

            after(layer, hidden, next);
            _cpu.Free(hidden);
            hidden = next;
        }
    }

    private static unsafe double Cosines(Tensor before, Tensor after)
    {
        var sum = 0.0;
        for (var row = 0; row < before.Rows; row++)
        {
            var x = (float*)before.Data + ((long)row * before.Columns);
            var y = (float*)after.Data + ((long)row * after.Columns);
            var (both, first, second) = (0.0, 0.0, 0.0);
            for (var i = 0; i < before.Columns; i++)
            {
                both += (double)x[i] * y[i];
                first += (double)x[i] * x[i];
                second += (double)y[i] * y[i];
            }

            // A row of zeros has no direction: one that stays so did not turn.
            sum += first * second > 0 ? both / Math.Sqrt(first * second) : first == second ? 1 : 0;
        }

        return sum;
    }

    // What the last matrix of a feed-forward reads are the activations of its neurons. Called once a layer and pass.
    private unsafe void Watch(Weight weight, Tensor x)
    {
        if (!weight.Name.EndsWith(Activations, StringComparison.Ordinal))
        {
            return;
        }

        if (!_norms.TryGetValue(weight.Name, out var norms))
        {
            _norms.Add(weight.Name, norms = new double[x.Columns]);
            _order.Add(weight.Name);
        }

        var squares = new double[x.Columns];
        for (var row = 0; row < x.Rows; row++)
        {
            var values = new ReadOnlySpan<float>((float*)x.Data + ((long)row * x.Columns), x.Columns);
            for (var i = 0; i < values.Length; i++)
            {
                squares[i] += (double)values[i] * values[i];
            }
        }

        for (var i = 0; i < squares.Length; i++)
        {
            norms[i] += Math.Sqrt(squares[i]);
        }
    }
}

/// <summary>Conversations as a model reads them, and what it can answer.</summary>
/// <param name="Ids">The ids of each.</param>
/// <param name="AnswerTokens">Every token of an answer to the model's default policy, rising.</param>
/// <param name="Capabilities">What the model can follow.</param>
internal sealed record CalibrationRows(IReadOnlyList<int[]> Ids, int[] AnswerTokens, GuardCapabilities Capabilities);
