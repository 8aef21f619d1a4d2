using System.Globalization;

namespace GuardSharp.Evaluation.Augmentation;

/// <summary>How often a row's policy is changed while a guard learns. Each rate is the share of rows, in [0, 1]; 0 leaves all rows as they are.</summary>
/// <remarks>The papers name the changes and keep their rates to themselves (docs/sources.md).</remarks>
public sealed record AugmentationRates
{
    /// <summary>Share of rows that lose some of the categories they do not violate.</summary>
    public double DropOther { get; init; }

    /// <summary>Share of rows whose categories change places and numbers; the answer to learn follows.</summary>
    public double Shuffle { get; init; }

    /// <summary>Share of rows with labelled categories that lose all categories they violate, and become safe.</summary>
    public double DropViolated { get; init; }

    /// <summary>Refuses rates out of range.</summary>
    /// <exception cref="GuardException">A rate is below 0, above 1 or no number.</exception>
    public void Check()
    {
        foreach (var (name, rate) in ((string, double)[])[(nameof(DropOther), DropOther), (nameof(Shuffle), Shuffle), (nameof(DropViolated), DropViolated)])
        {
            if (rate is not (>= 0 and <= 1))
                throw new GuardException($"The augmentation rate {name} is {rate.ToString(CultureInfo.InvariantCulture)}; it is a share of rows, from 0 to 1.");
        }
    }
}
