using GuardSharp.Policies;

namespace GuardSharp.Server.Endpoints;

/// <summary>Tells a verdict in the categories of another service, ours beside them.</summary>
/// <param name="keys">Keys that are always there, in the order of the answer.</param>
/// <param name="table">Keys by code, separated by commas.</param>
internal sealed class CategoryMap(IReadOnlyList<string> keys, IReadOnlyDictionary<string, string> table)
{
    private const StringSplitOptions Clean = StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries;

    private readonly (string Key, string[] Codes)[] _codesByKey =
    [
        .. keys.Concat(table.Values.SelectMany(value => value.Split(',', Clean))).Distinct()
            .Select(key => (key, table.Where(entry => entry.Value.Split(',', Clean).Contains(key)).Select(entry => entry.Key).ToArray())),
    ];

    /// <summary>What a verdict says about every key and every code, S1 to S14 at least.</summary>
    /// <param name="verdict">The verdict.</param>
    /// <param name="inputTypes">Kinds of input that were judged: text, image or both.</param>
    public MappedCategories Tell(Verdict verdict, IReadOnlyList<string> inputTypes)
    {
        var mapped = new MappedCategories([], [], []);
        foreach (var (key, codes) in _codesByKey)
            Add(mapped, key, codes, verdict, inputTypes);
        foreach (var code in HazardTaxonomy.Entries.Select(entry => entry.Category.Code).Union(verdict.CategoryProbabilities.Keys))
            Add(mapped, code, [code], verdict, inputTypes);
        return mapped;
    }

    private static void Add(MappedCategories mapped, string key, string[] codes, Verdict verdict, IReadOnlyList<string> inputTypes)
    {
        // A code that the policy lacks, or that is for text alone beside an image, was not looked for.
        var judged = codes.Where(verdict.CategoryProbabilities.ContainsKey).ToArray();
        mapped.Flags[key] = judged.Any(verdict.Categories.Contains);
        mapped.Scores[key] = judged.Select(code => verdict.CategoryProbabilities[code]).DefaultIfEmpty(0).Max();
        mapped.InputTypes[key] = judged.Length > 0 ? inputTypes : [];
    }
}

/// <summary>A verdict by key.</summary>
/// <param name="Flags">Whether a code behind the key is violated.</param>
/// <param name="Scores">The highest probability of the codes behind the key.</param>
/// <param name="InputTypes">What the score rests on; nothing where no code behind the key was judged.</param>
internal sealed record MappedCategories(
    Dictionary<string, bool> Flags, Dictionary<string, double> Scores, Dictionary<string, IReadOnlyList<string>> InputTypes);
