namespace GuardSharp.Evaluation.Datasets.Import;

/// <summary>What an import came to.</summary>
internal sealed class ImportTally
{
    private readonly SortedDictionary<string, long> _skipped = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _unmapped = new(StringComparer.Ordinal);

    /// <summary>Rows of the published file.</summary>
    public long Read { get; set; }

    /// <summary>Rows written: a published row may be none, a prompt, a response or several pictures.</summary>
    public long Written { get; set; }

    /// <summary>Unsafe rows among the written.</summary>
    public long Unsafe { get; set; }

    /// <summary>Pictures the rows name.</summary>
    public long Pictures { get; set; }

    /// <summary>Rows that gave nothing, by reason.</summary>
    public IReadOnlyDictionary<string, long> Skipped => _skipped;

    /// <summary>Labels of unsafe rows that have no counterpart among the hazard categories.</summary>
    public IReadOnlyDictionary<string, long> Unmapped => _unmapped;

    /// <summary>Counts a row that gives nothing.</summary>
    public void Skip(string reason) => _skipped[reason] = _skipped.GetValueOrDefault(reason) + 1;

    /// <summary>Counts a label without a counterpart.</summary>
    public void AddUnmapped(string label) => _unmapped[label] = _unmapped.GetValueOrDefault(label) + 1;
}
