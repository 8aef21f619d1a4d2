namespace GuardSharp.Evaluation.Datasets;

/// <summary>Rows of one group by verdict.</summary>
internal sealed class VerdictCount
{
    /// <summary>All rows.</summary>
    public long Rows { get; private set; }

    /// <summary>Unsafe rows.</summary>
    public long Unsafe { get; private set; }

    /// <summary>Safe rows.</summary>
    public long Safe { get; private set; }

    /// <summary>Rows nobody labelled.</summary>
    public long Unlabelled => Rows - Unsafe - Safe;

    /// <summary>Counts a row.</summary>
    public void Add(bool? isUnsafe)
    {
        Rows++;
        Unsafe += isUnsafe == true ? 1 : 0;
        Safe += isUnsafe == false ? 1 : 0;
    }
}

/// <summary>How long texts are: order statistics of whole numbers.</summary>
/// <param name="Least">The shortest.</param>
/// <param name="Median">Half are at most this.</param>
/// <param name="P95">Of a hundred, 95 are at most this.</param>
/// <param name="Most">The longest.</param>
/// <param name="Mean">The mean.</param>
/// <param name="Total">The sum.</param>
internal sealed record LengthSummary(int Least, int Median, int P95, int Most, double Mean, long Total)
{
    /// <summary>Summarises lengths; null where there are none.</summary>
    public static LengthSummary? Of(IReadOnlyCollection<int> lengths)
    {
        int[] sorted = [.. lengths.Order()];
        return sorted.Length == 0
            ? null
            : new LengthSummary(sorted[0], sorted[(sorted.Length - 1) / 2], sorted[(int)Math.Ceiling(0.95 * sorted.Length) - 1], sorted[^1], sorted.Average(), sorted.Sum(length => (long)length));
    }
}

/// <summary>What a data set holds, counted row by row. Memory: a few bytes a row.</summary>
/// <param name="tokens">Tokens of a text; null: only characters are counted.</param>
internal sealed class DatasetStats(Func<string, int>? tokens = null)
{
    private readonly List<int> _characters = [];
    private readonly List<int> _tokens = [];
    private readonly HashSet<string> _ids = new(StringComparer.Ordinal);
    private readonly HashSet<(string Text, string Pictures)> _texts = [];

    /// <summary>All good rows.</summary>
    public VerdictCount All { get; } = new();

    /// <summary>By <c>prompt</c> and <c>response</c>.</summary>
    public SortedDictionary<string, VerdictCount> ByTask { get; } = new(StringComparer.Ordinal);

    /// <summary>Unsafe rows by violated code; a row with two counts twice. <c>none</c>: unsafe, category not labelled.</summary>
    public SortedDictionary<string, VerdictCount> ByCategory { get; } = new(CodeOrder.Instance);

    /// <summary>By language.</summary>
    public SortedDictionary<string, VerdictCount> ByLanguage { get; } = new(StringComparer.Ordinal);

    /// <summary>By source.</summary>
    public SortedDictionary<string, VerdictCount> BySource { get; } = new(StringComparer.Ordinal);

    /// <summary>By licence; <c>unknown</c> where the row says nothing.</summary>
    public SortedDictionary<string, VerdictCount> ByLicence { get; } = new(StringComparer.Ordinal);

    /// <summary>By the model that wrote the text; <c>people</c> where the row names none.</summary>
    public SortedDictionary<string, VerdictCount> ByWriter { get; } = new(StringComparer.Ordinal);

    /// <summary>By number of pictures: 0, 1, 2-5, 6+.</summary>
    public SortedDictionary<string, VerdictCount> ByImages { get; } = new(StringComparer.Ordinal);

    /// <summary>Rows whose label was derived.</summary>
    public long WeakLabels { get; private set; }

    /// <summary>Rows whose id a row before has.</summary>
    public long DuplicateIds { get; private set; }

    /// <summary>Rows whose texts and pictures a row before has, letter by letter.</summary>
    public long DuplicateTexts { get; private set; }

    /// <summary>Rows that cannot be used, and are in no other number.</summary>
    public long BadRows { get; private set; }

    /// <summary>UTF-16 characters of all texts of a row; null where there are no rows.</summary>
    public LengthSummary? Characters => LengthSummary.Of(_characters);

    /// <summary>Tokens of all texts of a row, without any prompt around them; null where they were not asked for.</summary>
    public LengthSummary? Tokens => LengthSummary.Of(_tokens);

    /// <summary>Counts a row.</summary>
    public void Add(ReadRow read)
    {
        if (read.Row is not { } row)
        {
            BadRows++;
            return;
        }

        All.Add(row.Unsafe);
        Count(ByTask, row.IsResponse ? "response" : "prompt", row.Unsafe);
        Count(ByLanguage, row.Language, row.Unsafe);
        Count(BySource, row.Source, row.Unsafe);
        Count(ByLicence, row.Licence ?? "unknown", row.Unsafe);
        Count(ByWriter, row.WrittenBy ?? "people", row.Unsafe);
        Count(ByImages, row.Pictures.Count switch { 0 => "0", 1 => "1", <= 5 => "2-5", _ => "6+" }, row.Unsafe);
        foreach (var code in row is { Unsafe: true, Categories.Count: 0 } ? ["none"] : row.Categories)
        {
            Count(ByCategory, code, row.Unsafe);
        }

        WeakLabels += row.WeakLabel ? 1 : 0;
        DuplicateIds += _ids.Add(row.Id) ? 0 : 1;
        DuplicateTexts += _texts.Add((row.Text, string.Join('\n', row.Pictures))) ? 0 : 1;
        _characters.Add(row.Turns.Sum(turn => turn.Length));
        if (tokens is not null)
        {
            _tokens.Add(row.Turns.Sum(tokens));
        }
    }

    private static void Count(SortedDictionary<string, VerdictCount> groups, string name, bool? isUnsafe)
    {
        if (!groups.TryGetValue(name, out var group))
        {
            groups.Add(name, group = new VerdictCount());
        }

        group.Add(isUnsafe);
    }
}
