using GuardSharp.Engine;

namespace GuardSharp.Lab.FineTuning.Rows;

/// <summary>A row as the network learns it.</summary>
/// <param name="Place">File and line.</param>
/// <param name="Ids">The prompt and the answer but for its last token: what is read.</param>
/// <param name="Targets">The answer's tokens: what each of the last <c>Targets.Length</c> positions has to predict.</param>
/// <param name="Verdict">Which of the targets is the verdict.</param>
/// <param name="Unsafe">The verdict.</param>
/// <param name="Images">The pictures, in the order of their tokens.</param>
internal sealed record SftExample(string Place, int[] Ids, int[] Targets, int Verdict, bool Unsafe, IReadOnlyList<EncodedImage> Images)
{
    /// <summary>The position that predicts the first target: the prompt's last token.</summary>
    public int FirstAnswer => Ids.Length - Targets.Length;
}

/// <summary>Examples laid end to end. They do not see each other.</summary>
internal sealed record SftPack(IReadOnlyList<SftExample> Examples)
{
    /// <summary>Rows of the network's input.</summary>
    public int Tokens => Examples.Sum(example => example.Ids.Length);

    /// <summary>Tokens the loss counts.</summary>
    public int Answers => Examples.Sum(example => example.Targets.Length);
}
