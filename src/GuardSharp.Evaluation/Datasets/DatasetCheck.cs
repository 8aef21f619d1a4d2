namespace GuardSharp.Evaluation.Datasets;

/// <summary>Two rows that stand nearly the same.</summary>
/// <param name="Row">The later one, or the one of the checked file.</param>
/// <param name="Other">The one it is like.</param>
/// <param name="Share">Common share of character 8-grams (Jaccard), in [0, 1].</param>
internal sealed record RowPair(DataRow Row, DataRow Other, double Share);

/// <summary>Looks for everything that makes rows unfit: bad ones, ids given twice, near duplicates, and texts that leak from the development rows.</summary>
/// <param name="rules">What a row must be.</param>
/// <param name="threshold">Share of common character 8-grams from which rows count as nearly the same, in (0, 1]; 0: nothing is compared.</param>
/// <param name="exclusion">Why a good row stays out all the same, before it is compared; null: none does.</param>
internal sealed class DatasetCheck(RowRules rules, double threshold, Func<DataRow, string?>? exclusion = null)
{
    private readonly Dictionary<string, string> _ids = new(StringComparer.Ordinal);
    private readonly SimilarRows _development = new();
    private readonly SimilarRows _kept = new();

    /// <summary>Rows read, development rows not counted.</summary>
    public long Rows { get; private set; }

    /// <summary>Rows with a problem.</summary>
    public long BadRows { get; private set; }

    /// <summary>Rows without a problem, not like another, and not like a development row.</summary>
    public long CleanRows { get; private set; }

    /// <summary>Development rows the others were held against.</summary>
    public long DevelopmentRows { get; private set; }

    /// <summary>Everything wrong with the rows, in their order. A row may have several.</summary>
    public List<RowProblem> Problems { get; } = [];

    /// <summary>Good rows that stay out, and why.</summary>
    public List<(DataRow Row, string Reason)> Excluded { get; } = [];

    /// <summary>Rows that are nearly a development row.</summary>
    public List<RowPair> Leaks { get; } = [];

    /// <summary>Rows that are nearly a row before.</summary>
    public List<RowPair> Duplicates { get; } = [];

    /// <summary>Makes a development row known. Its own problems are not this check's: a bad one is an error.</summary>
    public void AddDevelopment(DataRow row)
    {
        DevelopmentRows++;
        _development.Add(row);
    }

    /// <summary>The clean rows of a file. Problems, leaks and duplicates are collected on the way.</summary>
    /// <exception cref="Samples.SampleFileException">The file is missing or may not be read.</exception>
    public IEnumerable<DataRow> Clean(string path)
    {
        foreach (var read in DataRowReader.Read(path, rules))
        {
            Rows++;
            Problems.AddRange(read.Problems);
            var row = read.Row;
            if (row is not null && !_ids.TryAdd(row.Id, row.Place))
            {
                Problems.Add(new RowProblem(path, read.Line, ProblemKind.DuplicateId, $"the id of {_ids[row.Id]} comes again. Give every row an id of its own."));
                row = null;
            }

            if (row is null)
            {
                BadRows++;
            }
            else if (exclusion?.Invoke(row) is { } reason)
            {
                Excluded.Add((row, reason));
            }
            else if (IsNew(row))
            {
                CleanRows++;
                yield return row;
            }
        }
    }

    private bool IsNew(DataRow row)
    {
        if (threshold == 0)
        {
            return true;
        }

        if (_development.Find(row, threshold) is { } leak)
        {
            Leaks.Add(leak);
            return false;
        }

        if (_kept.Find(row, threshold) is { } duplicate)
        {
            Duplicates.Add(duplicate);
            return false;
        }

        _kept.Add(row);
        return true;
    }
}
