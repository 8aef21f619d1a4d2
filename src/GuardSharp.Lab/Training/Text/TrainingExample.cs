namespace GuardSharp.Lab.Training.Text;

/// <summary>A row as the network sees it.</summary>
/// <param name="Row">Index of the row.</param>
/// <param name="Ids">The prompt, then the answer but for its last token.</param>
/// <param name="PromptLength">Tokens of the prompt; the last of them predicts the verdict.</param>
/// <param name="Targets">What the last prompt token and the answer's tokens predict; Targets[0] is the verdict.</param>
/// <param name="JudgedStart">First token of the judged text.</param>
/// <param name="JudgedLength">Tokens of the judged text; at least 1.</param>
/// <param name="Unsafe">The label.</param>
/// <param name="OpinionOnly">There is no label: what the teacher says is the target.</param>
internal sealed record TrainingExample(
    int Row, int[] Ids, int PromptLength, int[] Targets, int JudgedStart, int JudgedLength, bool Unsafe, bool OpinionOnly = false)
{
    /// <summary>The same with some tokens of the judged text left out, each with the given probability; one at least stays.</summary>
    public TrainingExample WithDropout(double probability, Random random)
    {
        var end = JudgedStart + JudgedLength;
        var kept = Enumerable.Range(0, Ids.Length).Where(at => at < JudgedStart || at >= end || random.NextDouble() >= probability).ToArray();
        var dropped = Ids.Length - kept.Length;
        return dropped == 0 || dropped == JudgedLength
            ? this
            : this with { Ids = [.. kept.Select(at => Ids[at])], PromptLength = PromptLength - dropped, JudgedLength = JudgedLength - dropped };
    }
}
