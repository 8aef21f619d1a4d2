using GuardSharp.Policies;

namespace GuardSharp.Evaluation.Datasets;

/// <summary>What a row must be.</summary>
/// <param name="Codes">The categories that a row may name.</param>
/// <param name="Labelled">Whether every row must say if it is unsafe.</param>
/// <param name="Pictures">Whether pictures are looked for, beyond the form of their paths.</param>
internal sealed record RowRules(IReadOnlySet<string> Codes, bool Labelled = true, bool Pictures = true)
{
    /// <summary>Rows under a policy.</summary>
    public static RowRules Of(Policy policy, bool labelled = true, bool pictures = true) =>
        new(policy.Categories.Select(category => category.Code).ToHashSet(StringComparer.Ordinal), labelled, pictures);
}

/// <summary>A row as it was read: the row, or what is wrong with it.</summary>
/// <param name="Line">Its number in the file.</param>
/// <param name="Row">The row; null where it has a problem.</param>
/// <param name="Problems">Everything that is wrong with it.</param>
internal sealed record ReadRow(long Line, DataRow? Row, IReadOnlyList<RowProblem> Problems);
