namespace GuardSharp.Lab.Training.Text;

/// <summary>Sorts examples into batches of similar lengths: little padding in attention, about the same work each.</summary>
internal static class BatchPlanner
{
    /// <summary>Examples among which lengths are sorted; more would make batches of one kind of text.</summary>
    private const int SortedTogether = 1024;

    /// <summary>The batches in random order. A batch holds at most <paramref name="maxTokens"/> tokens, but at least one example.</summary>
    public static List<TrainingExample[]> Plan(IReadOnlyList<TrainingExample> examples, int maxTokens, Random random)
    {
        var batches = new List<TrainingExample[]>();
        foreach (var chunk in examples.Chunk(SortedTogether))
        {
            var batch = new List<TrainingExample>();
            var tokens = 0;
            var inChunk = new List<TrainingExample[]>();
            foreach (var example in chunk.OrderBy(example => example.Ids.Length))
            {
                if (tokens + example.Ids.Length > maxTokens && batch.Count > 0)
                {
                    inChunk.Add([.. batch]);
                    batch.Clear();
                    tokens = 0;
                }

                batch.Add(example);
                tokens += example.Ids.Length;
            }

            inChunk.Add([.. batch]);
            var order = inChunk.ToArray();
            random.Shuffle(order);
            batches.AddRange(order);
        }

        return batches;
    }
}
