namespace GuardSharp.Extensions.AI;

/// <summary>Where a growing answer is judged: positions that depend on its text alone, never on how it arrives.</summary>
/// <remarks>
/// The first at <see cref="FirstCharacters"/>, each further one <see cref="Characters"/> behind the one before, or <see cref="Growth"/> of what
/// is already there if that is more, at most <see cref="MaxCharacters"/>; from there on to the end of a word, or of a sentence. Characters are
/// UTF-16 code units. Small windows show text sooner and cost more verdicts.
/// </remarks>
public sealed record StreamWindow
{
    /// <summary>Characters before the first judgement. At least 1.</summary>
    public int FirstCharacters { get; init; } = 64;

    /// <summary>Characters between two judgements at the start. At least 1.</summary>
    public int Characters { get; init; } = 128;

    /// <summary>The part of what is already there that a window is wide at least. 0: all windows are alike. At least 0.</summary>
    public double Growth { get; init; } = 0.25;

    /// <summary>Characters between two judgements at most. At least <see cref="Characters"/>.</summary>
    public int MaxCharacters { get; init; } = 1024;

    /// <summary>Whether a window goes on to the end of a sentence, if one comes within <see cref="Characters"/> more.</summary>
    public bool Sentences { get; init; }

    /// <summary>Refuses values outside their ranges.</summary>
    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(FirstCharacters, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(Characters, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxCharacters, Characters);
        if (Growth is not (>= 0 and < double.PositiveInfinity))
            throw new ArgumentOutOfRangeException(nameof(Growth), Growth, "Growth must be a number of at least 0.");
    }
}
