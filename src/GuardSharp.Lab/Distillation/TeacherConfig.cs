namespace GuardSharp.Lab.Distillation;

/// <summary>The model whose answers are learned, beside the labels of the rows or in their place (arXiv:1503.02531).</summary>
internal sealed record TeacherConfig
{
    /// <summary>Its folder: any model with the student's tokens, quantised or not.</summary>
    public required string Folder { get; init; }

    /// <summary>Divisor of both models' logits: above 1 the teacher's small probabilities count for more.</summary>
    public double Temperature { get; init; } = 2;

    /// <summary>Share of the labels in the loss, from 0 (the teacher alone) to 1 (the labels alone).</summary>
    public double LabelShare { get; init; }
}
