namespace GuardSharp.Lab.FineTuning;

/// <summary>Seeds of the many small generators of a run, each from the run's seed and what it is for: no generator's state has to be saved.</summary>
internal static class Seeds
{
    /// <summary>A seed of its own for a purpose.</summary>
    /// <param name="seed">The run's seed.</param>
    /// <param name="purpose">What is drawn.</param>
    /// <param name="numbers">Which of many.</param>
    public static int Mix(int seed, string purpose, params ReadOnlySpan<long> numbers)
    {
        // FNV-1a over letters and numbers, then the finaliser of SplitMix64: neighbouring inputs give unrelated seeds.
        var hash = 14695981039346656037UL;
        foreach (var letter in purpose)
        {
            hash = (hash ^ letter) * 1099511628211UL;
        }

        hash = (hash ^ (uint)seed) * 1099511628211UL;
        foreach (var number in numbers)
        {
            hash = (hash ^ (ulong)number) * 1099511628211UL;
        }

        hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9UL;
        hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EBUL;
        return (int)((hash ^ (hash >> 31)) & int.MaxValue);
    }
}
