namespace GuardSharp.Engine;

/// <summary>Shares the rows of one pass among the prompts that wait.</summary>
internal static class PassPlan
{
    /// <summary>Rows below which a piece is not worth a prompt's while, unless they are its last.</summary>
    private const int FewRows = 32;

    /// <summary>Chooses what is read next: a quarter for the prompt that waits longest, so that none starves, and the shortest first for the rest, so that a long one blocks nobody.</summary>
    /// <param name="waiting">Prompts that can be read, in the order of their arrival.</param>
    /// <param name="budget">Rows of the pass; at least 1.</param>
    /// <returns>Prompts and how many of their next rows, at least 1 each; the sum is at most the budget.</returns>
    public static List<(PromptReading Reading, int Rows)> Choose(IReadOnlyList<PromptReading> waiting, int budget)
    {
        var chosen = new List<(PromptReading, int)>();
        if (waiting.Count == 0)
        {
            return chosen;
        }

        var oldest = waiting[0];
        var share = Math.Min(oldest.Remaining, Math.Max(1, budget / 4));
        var (ofOldest, left) = (share, budget - share);
        // The order is stable: of equals the older one first.
        foreach (var reading in waiting.OrderBy(reading => reading.Remaining))
        {
            var wanted = reading.Remaining - (reading == oldest ? share : 0);
            var rows = Math.Min(left, wanted);
            if (rows == 0 || rows < Math.Min(FewRows, wanted))
            {
                continue;
            }

            left -= rows;
            if (reading == oldest)
            {
                ofOldest += rows;
            }
            else
            {
                chosen.Add((reading, rows));
            }
        }

        chosen.Insert(0, (oldest, ofOldest));
        return chosen;
    }
}
