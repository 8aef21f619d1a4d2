namespace GuardSharp.Evaluation.Datasets;

/// <summary>Rows that later ones are held against: nearly the same text, or the same text about the same pictures.</summary>
/// <remarks>Under a picture the text is often a formula, so there texts and pictures must both be equal.</remarks>
internal sealed class SimilarRows
{
    private readonly NearDuplicates _texts = new();
    private readonly List<DataRow> _rows = [];
    private readonly Dictionary<string, DataRow> _withPictures = new(StringComparer.Ordinal);

    /// <summary>Makes a row known.</summary>
    public void Add(DataRow row)
    {
        if (row.Pictures.Count > 0)
        {
            _withPictures.TryAdd(PictureKey(row), row);
            return;
        }

        _texts.Add(row.Text);
        _rows.Add(row);
    }

    /// <summary>The known row that is most like this one, or null where none reaches the threshold.</summary>
    public RowPair? Find(DataRow row, double threshold)
    {
        if (row.Pictures.Count > 0)
        {
            return _withPictures.TryGetValue(PictureKey(row), out var same) ? new RowPair(row, same, 1) : null;
        }

        var (number, share) = _texts.NearestOf(row.Text);
        return number >= 0 && share >= threshold ? new RowPair(row, _rows[number], share) : null;
    }

    private static string PictureKey(DataRow row) => string.Join('\n', row.Pictures.Select(PictureContent.Key(row.File)).Append(row.Text));
}
