namespace GuardSharp.Lab.FineTuning.Adversarial;

/// <summary>Adversarial training on pictures (arXiv:1706.06083): before a row is learned, its pictures are changed so that its answer becomes less likely.</summary>
internal sealed record AdversarialConfig
{
    /// <summary>Largest change of a value in units of 1/255, above 0 and at most 255.</summary>
    public double Epsilon { get; init; } = 8;

    /// <summary>Length of a step in units of 1/255, above 0.</summary>
    public double StepSize { get; init; } = 3;

    /// <summary>Steps along the gradient's sign from a random start, 1 to 100. Each costs about as much as a step of training.</summary>
    public int Steps { get; init; } = 3;

    /// <summary>Share of the rows with pictures that are changed, above 0 and at most 1; the others keep the guard good on clean ones.</summary>
    public double Share { get; init; } = 0.5;
}
