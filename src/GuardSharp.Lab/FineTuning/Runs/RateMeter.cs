namespace GuardSharp.Lab.FineTuning.Runs;

/// <summary>Loss, tokens a second and time left, smoothed over the last steps.</summary>
internal sealed class RateMeter
{
    // A step's share: about the last twenty count.
    private const double Share = 0.1;

    private double _tokens;
    private double _seconds;
    private double _loss;
    private double _weight;

    /// <summary>Mean loss.</summary>
    public double Loss => _loss / _weight;

    /// <summary>Tokens a second.</summary>
    public double TokensPerSecond => _tokens / Math.Max(_seconds, 1e-9);

    /// <summary>Takes a step in.</summary>
    public void Add(StepReport step)
    {
        _tokens = ((1 - Share) * _tokens) + (Share * step.Tokens);
        _seconds = ((1 - Share) * _seconds) + (Share * step.Seconds);
        _loss = ((1 - Share) * _loss) + (Share * step.Loss);
        _weight = ((1 - Share) * _weight) + Share;
    }

    /// <summary>How long the steps that are left will take: hours (more than 24 of a long run), minutes, seconds.</summary>
    public string Left(StepReport step)
    {
        var left = TimeSpan.FromSeconds((step.Steps - step.Step) * _seconds / _weight);
        return $"{(long)left.TotalHours:00}:{left:mm\\:ss}";
    }
}
