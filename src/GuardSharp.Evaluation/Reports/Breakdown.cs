using GuardSharp.Evaluation.Metrics;

namespace GuardSharp.Evaluation.Reports;

/// <summary>Splits judged rows into groups and measures each with draws of its own, so that a new group changes no other.</summary>
internal sealed class Breakdown(IReadOnlyList<JudgedSample> samples, ReportOptions options)
{
    /// <summary>All rows as one group.</summary>
    public GroupReport Whole() => Measure("overall", samples.Select(Verdict)).Report;

    /// <summary>Groups by a key, sorted by name.</summary>
    public List<(string Name, GroupReport Report, Bootstrap Draws)> Split(string kind, Func<JudgedSample, string> key) =>
        [.. samples.GroupBy(key).OrderBy(group => group.Key, StringComparer.Ordinal).Select(group => Named(kind, group.Key, group.Select(Verdict)))];

    /// <summary>One group for each category that the truth or the guard knows, one against rest, sorted S1, S2, ..., S10.</summary>
    public List<(string Name, GroupReport Report, Bootstrap Draws)> SplitByCategory()
    {
        // An unsafe row without a labelled category may belong to any of them: it is neither a hit nor a miss.
        var known = samples.Where(sample => !sample.IsUnsafe || sample.Categories.Count > 0).ToList();
        var codes = samples.SelectMany(sample => sample.Categories.Concat(sample.Prediction.Categories).Concat(sample.Prediction.CategoryProbabilities.Keys));
        return [.. codes.Distinct().OrderBy(code => code.Length).ThenBy(code => code, StringComparer.Ordinal)
            .Select(code => Named("category", code, known.Select(sample => OneAgainstRest(sample, code)), seedOf: "category"))];
    }

    /// <summary>The reports by their names, in the given order.</summary>
    public static Dictionary<string, GroupReport> ByName(List<(string Name, GroupReport Report, Bootstrap Draws)> groups) =>
        groups.ToDictionary(group => group.Name, group => group.Report);

    // Categories are measured over the same rows: one seed gives them the same draws, and the mean over them keeps what they have in common.
    private (string Name, GroupReport Report, Bootstrap Draws) Named(string kind, string name, IEnumerable<ScoredRow> rows, string? seedOf = null)
    {
        var (report, draws) = Measure(seedOf ?? $"{kind}/{name}", rows);
        return (name, report, draws);
    }

    private (GroupReport Report, Bootstrap Draws) Measure(string name, IEnumerable<ScoredRow> rows) =>
        GroupReport.Of([.. rows], options.Resamples, options.Seed ^ Hash(name));

    private static ScoredRow Verdict(JudgedSample sample) => new(sample.IsUnsafe, sample.Prediction.UnsafeProbability, sample.Prediction.IsUnsafe);

    private static ScoredRow OneAgainstRest(JudgedSample sample, string code)
    {
        var listed = sample.Prediction.Categories.Contains(code);
        var score = sample.Prediction.CategoryProbabilities.TryGetValue(code, out var probability) ? probability : listed ? sample.Prediction.UnsafeProbability : 0;
        return new ScoredRow(sample.Categories.Contains(code), score, listed);
    }

    // FNV-1a: string.GetHashCode differs from run to run.
    private static ulong Hash(string text)
    {
        var hash = 14695981039346656037UL;
        foreach (var letter in text)
        {
            hash = (hash ^ letter) * 1099511628211UL;
        }

        return hash;
    }
}
