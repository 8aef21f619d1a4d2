using System.Collections;

namespace GuardSharp.Evaluation.Datasets.Import;

/// <summary>A data set's own labels as hazard categories, and a count of those that have no counterpart.</summary>
/// <remarks>
/// A label without a counterpart gives an unsafe row without categories, which counts for the verdict and for no category. A map is only as good as two
/// taxonomies are alike: it is written down in docs/evaluation.md, label by label.
/// </remarks>
internal sealed class CategoryMap : IEnumerable<KeyValuePair<string, string?>>
{
    private readonly Dictionary<string, string?> _codes = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Adds a label.</summary>
    /// <param name="label">The data set's.</param>
    /// <param name="code">Ours; null: it has no counterpart.</param>
    public void Add(string label, string? code) => _codes.Add(label, code);

    /// <summary>The categories of labels.</summary>
    /// <param name="labels">The data set's, those of one row.</param>
    /// <param name="tally">Counts labels without a counterpart, and unknown ones.</param>
    public IReadOnlyList<string> CodesOf(IEnumerable<string> labels, ImportTally tally)
    {
        var codes = new List<string>();
        foreach (var label in labels)
        {
            if (_codes.TryGetValue(label, out var code) && code is not null)
            {
                codes.Add(code);
            }
            else
            {
                tally.AddUnmapped(_codes.ContainsKey(label) ? label : $"{label} (unknown)");
            }
        }

        return codes;
    }

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, string?>> GetEnumerator() => _codes.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
