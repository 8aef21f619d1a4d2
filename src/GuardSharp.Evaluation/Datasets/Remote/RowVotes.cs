using System.Text.Json.Nodes;
using GuardSharp.Policies;

namespace GuardSharp.Evaluation.Datasets.Remote;

/// <summary>What several answers about one row come to.</summary>
/// <param name="Asked">Votes asked for.</param>
/// <param name="Unsafe">Answers that were unsafe.</param>
/// <param name="Safe">Answers that were safe.</param>
/// <param name="Categories">Codes that more than half of the unsafe answers name.</param>
internal sealed record RowVotes(int Asked, int Unsafe, int Safe, IReadOnlyList<string> Categories)
{
    /// <summary>Answers that were neither. They never count as safe.</summary>
    public int Unparsed => Asked - Unsafe - Safe;

    /// <summary>The verdict of more than half of all votes asked for; null where no side has them: the row stays unlabelled.</summary>
    public bool? Verdict => 2 * Unsafe > Asked ? true : 2 * Safe > Asked ? false : null;

    /// <summary>Share of votes on the stronger side, of all asked for.</summary>
    public double Agreement => Math.Max(Unsafe, Safe) / (double)Asked;

    /// <summary>Counts answers; null stands for one that could not be read.</summary>
    public static RowVotes Of(IReadOnlyList<ParsedAnswer?> answers)
    {
        var isUnsafe = answers.OfType<ParsedAnswer>().Where(answer => answer.Unsafe).ToList();
        return new RowVotes(
            answers.Count,
            isUnsafe.Count,
            answers.Count(answer => answer is { Unsafe: false }),
            [.. isUnsafe.SelectMany(answer => answer.Categories.Distinct()).CountBy(code => code).Where(pair => 2 * pair.Value > isUnsafe.Count).Select(pair => pair.Key).Order(CodeOrder.Instance)]);
    }

    /// <summary>The votes as a row keeps them.</summary>
    public JsonObject ToJson(string model, string policy, string settings) => new()
    {
        ["by"] = model,
        ["policy"] = policy,
        ["verdict"] = Verdict switch { true => "unsafe", false => "safe", null => null },
        ["categories"] = new JsonArray([.. (Verdict == true ? Categories : []).Select(code => (JsonNode?)code)]),
        ["votes"] = Asked,
        ["unsafe"] = Unsafe,
        ["safe"] = Safe,
        ["unparsed"] = Unparsed,
        ["agreement"] = Math.Round(Agreement, 4),
        ["settings"] = settings,
    };
}
