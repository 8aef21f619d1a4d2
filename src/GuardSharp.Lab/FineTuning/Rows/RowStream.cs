using GuardSharp.Evaluation.Augmentation;

namespace GuardSharp.Lab.FineTuning.Rows;

/// <summary>The endless stream of examples that a run sees: sources in turns by their ratios, each in passes of random order.</summary>
/// <remarks>
/// Everything is a function of the seed and of how many rows were taken from each source, so these numbers alone are the position in the data:
/// the order of a pass is drawn from (seed, source, pass), what happens to a row's policy from (seed, source, place in the source's stream).
/// </remarks>
internal sealed class RowStream
{
    private readonly IReadOnlyList<RowSource> _sources;
    private readonly RowEncoder _encoder;
    private readonly AugmentationRates _rates;
    private readonly BadRows _bad;
    private readonly int _seed;
    private readonly double[] _ratios;
    private readonly long[] _taken;
    private readonly (long Pass, int[] Order)[] _passes;
    private SftExample? _next;
    private int _nextSource;

    /// <param name="sources">The sources; all with a ratio or all without.</param>
    /// <param name="encoder">Makes examples.</param>
    /// <param name="rates">Changes of the policy.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="bad">Told of rows whose pictures turn out to be damaged, or that are too long with them.</param>
    public RowStream(IReadOnlyList<RowSource> sources, RowEncoder encoder, AugmentationRates rates, int seed, BadRows bad)
    {
        (_sources, _encoder, _rates, _seed, _bad) = (sources, encoder, rates, seed, bad);
        _ratios = [.. sources.Select(source => source.Config.Ratio ?? PassLength(source))];
        _taken = new long[sources.Count];
        _passes = new (long, int[])[sources.Count];
        Array.Fill(_passes, (-1, []));
    }

    /// <summary>Rows taken from each source so far: where a run stands in its data.</summary>
    public IReadOnlyList<long> Position => [.. _taken];

    /// <summary>Goes to a position.</summary>
    /// <exception cref="ArgumentException">It is that of other sources.</exception>
    public void Seek(IReadOnlyList<long> position)
    {
        if (position.Count != _taken.Length)
        {
            throw new ArgumentException($"The position is one of {position.Count} sources, but there are {_taken.Length}.", nameof(position));
        }

        for (var i = 0; i < _taken.Length; i++)
        {
            _taken[i] = position[i];
        }

        _next = null;
    }

    /// <summary>The next example, which stays the next one until <see cref="Take"/>.</summary>
    /// <exception cref="Training.TrainingException">A row cannot be used and that is not allowed.</exception>
    /// <exception cref="GuardException">All rows of a source turned out to be unusable.</exception>
    public SftExample Peek()
    {
        for (var failures = 0; _next is null; failures++)
        {
            _nextSource = Choose();
            var source = _sources[_nextSource];
            var row = RowAt(_nextSource, _taken[_nextSource]);
            try
            {
                _next = _encoder.Encode(source.Read(row), _rates, new Random(Seeds.Mix(_seed, "row", _nextSource, _taken[_nextSource])));
            }
            catch (GuardException error) when (failures < source.Count)
            {
                _bad.Add(source.Place(row), error.Message);
                _bad.Check();
                _taken[_nextSource]++;
            }
        }

        return _next;
    }

    /// <summary>Moves behind the next example.</summary>
    public void Take()
    {
        Peek();
        _taken[_nextSource]++;
        _next = null;
    }

    private static int PassLength(RowSource source) => Math.Min(source.Config.Cap ?? int.MaxValue, source.Count);

    /// <summary>The source that is furthest behind its ratio.</summary>
    private int Choose()
    {
        var best = 0;
        for (var i = 1; i < _taken.Length; i++)
        {
            best = (_taken[i] + 1) / _ratios[i] < (_taken[best] + 1) / _ratios[best] ? i : best;
        }

        return best;
    }

    private int RowAt(int source, long place)
    {
        var (pass, index) = Math.DivRem(place, PassLength(_sources[source]));
        if (_passes[source].Pass != pass)
        {
            int[] order = [.. Enumerable.Range(0, _sources[source].Count)];
            new Random(Seeds.Mix(_seed, "pass", source, pass)).Shuffle(order);
            _passes[source] = (pass, order);
        }

        return _passes[source].Order[index];
    }
}
