using System.Globalization;

namespace GuardSharp.Lab.Attacks.Pgd;

/// <summary>How the attacker searches.</summary>
internal sealed record PgdOptions
{
    /// <summary>Steps along the gradient's sign of each start, at least 1.</summary>
    public int Steps { get; init; } = 40;

    /// <summary>Length of a step in units of 1/255, above 0; null: a tenth of epsilon, at least 1.</summary>
    public double? StepSize { get; init; }

    /// <summary>Whether the first start is moved by uniform noise within epsilon, where no smaller epsilon's picture is known.</summary>
    public bool RandomStart { get; init; }

    /// <summary>Starts of each row, at least 1; those behind the first are random.</summary>
    public int Restarts { get; init; } = 1;

    /// <summary>Seed of the random starts.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Whether a larger epsilon begins with the picture that the smaller one found, so that success grows with epsilon.</summary>
    public bool FromSmaller { get; init; } = true;

    /// <summary>Whether all steps are made though the guard is fooled already: the least P(unsafe) is kept.</summary>
    public bool FullBudget { get; init; }

    /// <summary>The length of a step for an epsilon, in units of 1/255.</summary>
    public float StepFor(Epsilon epsilon) => (float)(StepSize ?? Math.Max(1, epsilon.Levels / 10.0));

    /// <summary>The options by the names of the command line, without those that choose rows.</summary>
    public IEnumerable<(string Name, string Value)> Settings() =>
    [
        ("steps", Text(Steps)),
        ("step-size", StepSize is { } size ? Text(size) : "a tenth of epsilon, at least 1"),
        ("random-start", Text(RandomStart)),
        ("restarts", Text(Restarts)),
        ("seed", Text(Seed)),
        ("independent", Text(!FromSmaller)),
        ("full-budget", Text(FullBudget)),
    ];

    private static string Text(IConvertible value) => value.ToString(CultureInfo.InvariantCulture);
}
