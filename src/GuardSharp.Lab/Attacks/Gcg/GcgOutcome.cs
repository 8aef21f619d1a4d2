namespace GuardSharp.Lab.Attacks.Gcg;

/// <summary>How an attack on one conversation, or on several with one suffix, ended.</summary>
/// <param name="Suffix">The suffix, its first blank included: the one that the guard calls safe, or the one of the lowest loss.</param>
/// <param name="Ids">Its tokens.</param>
/// <param name="Curve">Mean P(unsafe) by the network: with the first suffix, then after each step.</param>
/// <param name="Queries">Suffixes that the network judged.</param>
/// <param name="Success">Whether the guard, asked with the whole text, calls all conversations safe.</param>
internal sealed record GcgOutcome(string Suffix, int[] Ids, IReadOnlyList<double> Curve, long Queries, bool Success)
{
    /// <summary>Steps that were made.</summary>
    public int Steps => Curve.Count - 1;
}
