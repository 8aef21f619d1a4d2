using GuardSharp.Policies;

namespace GuardSharp.Evaluation.Datasets;

/// <summary>Codes by their number, S2 before S10; other names behind them by letters.</summary>
internal sealed class CodeOrder : IComparer<string>
{
    /// <summary>The one there is.</summary>
    public static CodeOrder Instance { get; } = new();

    /// <inheritdoc/>
    public int Compare(string? x, string? y)
    {
        var order = Number(x).CompareTo(Number(y));
        return order != 0 ? order : string.CompareOrdinal(x, y);
    }

    private static int Number(string? code) => code is not null && HazardCategory.TryGetNumber(code, out var number) ? number : int.MaxValue;
}
