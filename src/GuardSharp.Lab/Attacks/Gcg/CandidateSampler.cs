namespace GuardSharp.Lab.Attacks.Gcg;

/// <summary>Draws the candidates of a step (algorithm 1 of arXiv:2307.15043): a place and one of its best tokens, both at random.</summary>
/// <param name="vocabulary">Gives the text.</param>
/// <param name="random">Decides.</param>
internal sealed class CandidateSampler(TypableTokens vocabulary, Random random)
{
    // Small vocabularies merge much: of what is drawn for a miniature most can fall through the filter.
    private const int DrawsPerCandidate = 8;

    /// <summary>Draws until there are as many as wanted, all different, all passed by the filter.</summary>
    /// <param name="suffix">What is changed.</param>
    /// <param name="top">The best tokens of each place.</param>
    /// <param name="width">How many are wanted; fewer come where the filter takes most.</param>
    /// <param name="fits">The filter: whether a suffix's text becomes exactly its tokens where it stands.</param>
    public List<Candidate> Draw(int[] suffix, int[][] top, int width, Func<int[], string, bool> fits)
    {
        var seen = new HashSet<(int, int)>();
        var candidates = new List<Candidate>(width);
        for (var draw = 0; draw < width * DrawsPerCandidate && candidates.Count < width; draw++)
        {
            var position = random.Next(suffix.Length);
            if (top[position].Length == 0)
            {
                continue;
            }

            var token = top[position][random.Next(top[position].Length)];
            if (token == suffix[position] || !seen.Add((position, token)))
            {
                continue;
            }

            int[] ids = [.. suffix];
            ids[position] = token;
            var text = vocabulary.Text(ids);
            if (fits(ids, text))
            {
                candidates.Add(new Candidate(position, ids, text));
            }
        }

        return candidates;
    }
}
