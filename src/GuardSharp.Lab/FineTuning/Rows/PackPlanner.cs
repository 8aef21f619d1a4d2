namespace GuardSharp.Lab.FineTuning.Rows;

/// <summary>Packs examples of a stream into sequences. The order of the stream stays, so that its position stays a few numbers.</summary>
/// <param name="stream">The examples.</param>
/// <param name="maxTokens">Most tokens of a sequence.</param>
/// <param name="maxImages">Most pictures of a sequence; null: any number.</param>
internal sealed class PackPlanner(RowStream stream, int maxTokens, int? maxImages)
{
    /// <summary>The sequences of the next step.</summary>
    public IReadOnlyList<SftPack> Next(int sequences) => [.. Enumerable.Range(0, sequences).Select(_ => NextPack())];

    /// <summary>Examples as sequences, the order kept.</summary>
    public static IEnumerable<SftPack> Pack(IEnumerable<SftExample> examples, int maxTokens, int? maxImages)
    {
        var open = new List<SftExample>();
        foreach (var example in examples)
        {
            if (open.Count > 0 && !Fits(open, example, maxTokens, maxImages))
            {
                yield return new SftPack([.. open]);
                open.Clear();
            }

            open.Add(example);
        }

        if (open.Count > 0)
        {
            yield return new SftPack(open);
        }
    }

    private SftPack NextPack()
    {
        var examples = new List<SftExample>();
        while (examples.Count == 0 || Fits(examples, stream.Peek(), maxTokens, maxImages))
        {
            examples.Add(stream.Peek());
            stream.Take();
        }

        return new SftPack(examples);
    }

    // The first example with pictures always fits: alone it would be as large.
    private static bool Fits(List<SftExample> examples, SftExample more, int maxTokens, int? maxImages)
    {
        var images = examples.Sum(example => example.Images.Count);
        return examples.Sum(example => example.Ids.Length) + more.Ids.Length <= maxTokens
            && (images == 0 || more.Images.Count == 0 || images + more.Images.Count <= (maxImages ?? int.MaxValue));
    }
}
