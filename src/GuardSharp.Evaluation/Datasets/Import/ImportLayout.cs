namespace GuardSharp.Evaluation.Datasets.Import;

/// <summary>A form in which a data set is published.</summary>
/// <param name="Format">The data set's name on the command line; also the rows' source.</param>
/// <param name="About">What the file is, in a few words.</param>
/// <param name="Columns">Columns that every row must have.</param>
/// <param name="Map">Our rows of one of theirs; may be none, which the tally then counts.</param>
internal sealed record ImportLayout(string Format, string About, IReadOnlyList<string> Columns, Func<ImportRow, ImportTally, IEnumerable<ImportedRow>> Map)
{
    /// <summary>Columns of which at least one must be there; empty: no more than <see cref="Columns"/>.</summary>
    public IReadOnlyList<string> AnyOf { get; init; } = [];

    /// <summary>Folder of the pictures, relative to that of the file, where the command names none.</summary>
    public string ImageFolder { get; init; } = ".";

    /// <summary>Whether a row has what the layout needs.</summary>
    public bool Fits(ImportRow row)
    {
        var columns = row.Columns.ToHashSet(StringComparer.OrdinalIgnoreCase);
        return Columns.All(columns.Contains) && (AnyOf.Count == 0 || AnyOf.Any(columns.Contains));
    }

    /// <summary>The columns in words.</summary>
    public string Expected => string.Join(", ", Columns) + (AnyOf.Count == 0 ? "" : $" and one of {string.Join(", ", AnyOf)}");
}
