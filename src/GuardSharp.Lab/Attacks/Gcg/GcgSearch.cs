namespace GuardSharp.Lab.Attacks.Gcg;

/// <summary>The state of an attack: the suffix as it stands in its conversations.</summary>
internal sealed class GcgSearch : IDisposable
{
    private readonly GcgModel _model;
    private readonly TypableTokens _vocabulary;
    private readonly GcgSettings _settings;
    private readonly IReadOnlyList<SuffixSlot> _slots;
    private readonly CandidateSampler _sampler;
    private readonly CandidateScorer _scorer;
    private readonly List<ScoredPrompt> _prompts = [];
    private readonly List<double> _odds = [];

    /// <param name="model">The networks.</param>
    /// <param name="vocabulary">The tokens.</param>
    /// <param name="settings">Widths.</param>
    /// <param name="slots">The conversations.</param>
    /// <param name="random">Draws candidates.</param>
    /// <param name="suffix">The suffix to begin with.</param>
    public GcgSearch(GcgModel model, TypableTokens vocabulary, GcgSettings settings, IReadOnlyList<SuffixSlot> slots, Random random, int[] suffix)
    {
        (_model, _vocabulary, _settings, _slots, Suffix) = (model, vocabulary, settings, slots, suffix);
        _sampler = new CandidateSampler(vocabulary, random);
        _scorer = new CandidateScorer(model.Network.Ops, model.Network.Network, settings.BatchTokens);
    }

    /// <summary>The suffix.</summary>
    public int[] Suffix { get; private set; }

    /// <summary>Suffixes that were judged.</summary>
    public long Queries => _scorer.Queries;

    /// <summary>-log P(safe) of log-odds of "unsafe", which is at least 0.</summary>
    public static double Loss(double odds) => odds > 0 ? odds + Math.Log(1 + Math.Exp(-odds)) : Math.Log(1 + Math.Exp(odds));

    /// <summary>The log-odds of the first conversations with the suffix as it stands.</summary>
    public IReadOnlyList<double> Odds(int active)
    {
        while (_prompts.Count < active)
        {
            _prompts.Add(_scorer.Open(_slots[_prompts.Count].Prompt));
        }

        while (_odds.Count < active)
        {
            _odds.Add(_prompts[_odds.Count].Read(Suffix));
        }

        return _odds;
    }

    /// <summary>Goes on to the best of a step's candidates.</summary>
    /// <returns>False: the filter let none through.</returns>
    public bool Step(int active, CancellationToken cancellation)
    {
        var odds = Odds(active);
        var prompts = _slots.Take(active).Select((slot, i) => (slot.Prompt, 1 / (1 + Math.Exp(-odds[i])))).ToList();
        var top = _model.Gradient.Best(prompts, Suffix, _vocabulary, _settings.TopK);
        var candidates = _sampler.Draw(Suffix, top, _settings.SearchWidth, (ids, text) => _slots.All(slot => slot.Fits(ids, text)));
        if (candidates.Count == 0)
        {
            return false;
        }

        var losses = new double[candidates.Count];
        foreach (var prompt in _prompts)
        {
            foreach (var (i, score) in prompt.Score(candidates, cancellation).Index())
            {
                losses[i] += Loss(score);
            }
        }

        Suffix = candidates[Array.IndexOf(losses, losses.Min())].Ids;
        _odds.Clear();
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => _prompts.ForEach(prompt => prompt.Dispose());
}
