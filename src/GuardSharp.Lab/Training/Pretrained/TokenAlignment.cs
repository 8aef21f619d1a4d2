using System.Runtime.InteropServices;

namespace GuardSharp.Lab.Training.Pretrained;

/// <summary>Which English tokens a foreign token stands for, from pairs of translated texts: IBM Model 1 (Brown et al. 1993), by expectation and maximisation.</summary>
/// <remarks>A few thousand short pairs are enough for the frequent words, and those carry most of a verdict.</remarks>
internal static class TokenAlignment
{
    private const int Rounds = 5;
    private const int MaxTokens = 40;

    /// <summary>Meanings less likely than this are noise of so few pairs.</summary>
    private const double MinProbability = 0.05;

    /// <summary>For each foreign token its English tokens with their probabilities.</summary>
    /// <param name="pairs">Token ids of each English text and of its translation.</param>
    public static Dictionary<int, (int English, double Probability)[]> Align(IReadOnlyList<(int[] English, int[] Foreign)> pairs)
    {
        var translation = new Dictionary<(int Foreign, int English), double>();
        for (var round = 0; round < Rounds; round++)
        {
            var counts = new Dictionary<(int Foreign, int English), double>(translation.Count);
            foreach (var (english, foreign) in pairs)
                Count(english.AsSpan(0, Math.Min(MaxTokens, english.Length)), foreign.AsSpan(0, Math.Min(MaxTokens, foreign.Length)), translation, counts, round == 0);
            translation = Normalise(counts, entry => entry.English);
        }

        // The sentences were explained as English tokens writing foreign ones; the meaning of a token is the other direction.
        var frequency = new Dictionary<int, double>();
        foreach (var (english, _) in pairs)
        {
            foreach (var token in english)
                CollectionsMarshal.GetValueRefOrAddDefault(frequency, token, out _)++;
        }

        var joint = translation.ToDictionary(entry => entry.Key, entry => entry.Value * frequency.GetValueOrDefault(entry.Key.English));
        return Normalise(joint, entry => entry.Foreign).Where(entry => entry.Value >= MinProbability).GroupBy(entry => entry.Key.Foreign)
            .ToDictionary(group => group.Key, group => group.Select(entry => (entry.Key.English, entry.Value)).ToArray());
    }

    private static void Count(
        ReadOnlySpan<int> english, ReadOnlySpan<int> foreign, Dictionary<(int, int), double> translation, Dictionary<(int, int), double> counts, bool isFirst)
    {
        foreach (var token in foreign)
        {
            var sum = 0.0;
            foreach (var source in english)
                sum += isFirst ? 1 : translation.GetValueOrDefault((token, source));
            if (sum <= 0)
                continue;
            foreach (var source in english)
                CollectionsMarshal.GetValueRefOrAddDefault(counts, (token, source), out _) += (isFirst ? 1 : translation.GetValueOrDefault((token, source))) / sum;
        }
    }

    private static Dictionary<(int Foreign, int English), double> Normalise(
        Dictionary<(int Foreign, int English), double> counts, Func<(int Foreign, int English), int> key)
    {
        var sums = new Dictionary<int, double>();
        foreach (var (pair, count) in counts)
            CollectionsMarshal.GetValueRefOrAddDefault(sums, key(pair), out _) += count;
        return counts.Where(entry => entry.Value > 1e-6).ToDictionary(entry => entry.Key, entry => entry.Value / sums[key(entry.Key)]);
    }
}
