namespace GuardSharp.Lab.FineTuning;

/// <summary>Random tokens in the texts of rows, drawn anew each time a row is seen; its label stays (docs/fine-tuning.md).</summary>
internal sealed record TokenNoiseRates
{
    /// <summary>Share of rows that get some, in [0, 1].</summary>
    public double Share { get; init; }

    /// <summary>Most tokens that are put behind a text; how many is drawn from 1 on.</summary>
    public int Tokens { get; init; } = 20;

    /// <summary>Share of the text's own tokens that are replaced, in [0, 1).</summary>
    public double Replaced { get; init; }
}
