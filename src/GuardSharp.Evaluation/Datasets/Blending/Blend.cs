using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace GuardSharp.Evaluation.Datasets.Blending;

/// <summary>A row that did not make it, and why.</summary>
/// <param name="File">Its file.</param>
/// <param name="Line">Its number there.</param>
/// <param name="Id">Its id, or null where it has none that can be read.</param>
/// <param name="Source">Its source; <c>unknown</c> for a bad row.</param>
/// <param name="Reason">Why.</param>
/// <param name="Like">The place of the row it is nearly the same as, or null.</param>
internal sealed record DroppedRow(string File, long Line, string? Id, string Source, string Reason, string? Like = null);

/// <summary>A row that is written.</summary>
/// <param name="Row">The row.</param>
/// <param name="Copy">0 for the row itself, from 1 on for repetitions, whose ids say so.</param>
internal sealed record BlendedRow(DataRow Row, int Copy);

/// <summary>What a blend came to.</summary>
/// <param name="Read">Rows read.</param>
/// <param name="Train">Rows to learn from, in random order.</param>
/// <param name="Development">Rows kept back, in the order of the files.</param>
/// <param name="Dropped">Every row that is in neither.</param>
/// <param name="Problems">What is wrong with the bad rows among them.</param>
internal sealed record BlendResult(
    long Read, IReadOnlyList<BlendedRow> Train, IReadOnlyList<DataRow> Development, IReadOnlyList<DroppedRow> Dropped, IReadOnlyList<RowProblem> Problems);

/// <summary>Mixes rows of several files. The same files, configuration and seed give the same rows in the same order.</summary>
/// <remarks>
/// In this order: bad rows, exclusions, near duplicates of <see cref="BlendConfig.Against"/> and of earlier rows, development rows, caps, ratios.
/// All rows are held in memory.
/// </remarks>
/// <param name="config">What is asked for.</param>
/// <param name="rules">What a row must be.</param>
internal sealed class Blend(BlendConfig config, RowRules rules)
{
    private readonly List<DroppedRow> _dropped = [];

    /// <summary>Reads the files and draws.</summary>
    /// <exception cref="GuardException">A file cannot be read, a row of Against is bad, a kind of the ratios has no row, or nothing is left.</exception>
    public BlendResult Run(CancellationToken cancellationToken)
    {
        var check = new DatasetCheck(rules, config.NearDuplicate, config.Exclude.ReasonFor);
        foreach (var row in config.Against.SelectMany(file => DataRowReader.ReadGood(file, rules)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            check.AddDevelopment(row);
        }

        var (train, development) = (new List<DataRow>(), new List<DataRow>());
        foreach (var row in config.Files.SelectMany(check.Clean))
        {
            cancellationToken.ThrowIfCancellationRequested();
            (IsDevelopment(row) ? development : train).Add(row);
        }

        DropFailed(check);
        var random = new Random(config.Seed);
        var drawn = Mixture.Of(train, config.Mixture).DrawEpoch(random);
        DropUndrawn(train, drawn);
        var blended = Proportioned(drawn.Select(index => train[index]).ToList());
        return blended.Count > 0
            ? new BlendResult(check.Rows, Numbered(blended), development, _dropped, check.Problems)
            : throw new GuardException($"No row is left of {check.Rows} read. Loosen exclude, mixture or ratios.");
    }

    private void DropFailed(DatasetCheck check)
    {
        _dropped.AddRange(check.Problems.DistinctBy(problem => (problem.File, problem.Line)).Select(problem => new DroppedRow(problem.File, problem.Line, null, "unknown", $"bad row: {problem.Kind}")));
        _dropped.AddRange(check.Excluded.Select(entry => Dropped(entry.Row, entry.Reason)));
        _dropped.AddRange(check.Leaks.Select(pair => Dropped(pair.Row, "near a row of against", pair.Other)));
        _dropped.AddRange(check.Duplicates.Select(pair => Dropped(pair.Row, "near duplicate", pair.Other)));
    }

    private void DropUndrawn(List<DataRow> rows, int[] drawn)
    {
        var kept = drawn.ToHashSet();
        _dropped.AddRange(rows.Index().Where(entry => !kept.Contains(entry.Index)).Select(entry => Dropped(entry.Item, "cap")));
    }

    /// <summary>Takes from each kind as many as its part allows; the scarcest kind is used up.</summary>
    private List<DataRow> Proportioned(List<DataRow> rows)
    {
        if (config.Ratios.Count == 0)
        {
            return rows;
        }

        int[] kinds = [.. rows.Select(row => config.Ratios.Index().Where(entry => entry.Item.Fits(row)).Select(entry => entry.Index).FirstOrDefault(-1))];
        var counts = config.Ratios.Select((_, kind) => kinds.Count(one => one == kind)).ToArray();
        if (Array.IndexOf(counts, 0) is >= 0 and var empty)
        {
            throw new GuardException($"No row is of the kind that ratio {empty + 1} describes, so no proportion can be kept. Mind that a row belongs to the first kind that fits.");
        }

        var scale = config.Ratios.Zip(counts).Min(pair => pair.Second / pair.First.Part);
        // Rounding must not ask for a row more than there is.
        int[] left = [.. config.Ratios.Zip(counts).Select(pair => Math.Min(pair.Second, (int)Math.Round(pair.First.Part * scale)))];
        var kept = new List<DataRow>();
        foreach (var (row, kind) in rows.Zip(kinds))
        {
            if (kind < 0 || left[kind]-- > 0)
            {
                kept.Add(row);
            }
        }

        // A row that is written once is not dropped, although a repetition of it may have gone.
        var written = kept.ToHashSet<DataRow>(ReferenceEqualityComparer.Instance);
        _dropped.AddRange(rows.Distinct<DataRow>(ReferenceEqualityComparer.Instance).Where(row => !written.Contains(row)).Select(row => Dropped(row, "ratio")));
        return kept;
    }

    private static List<BlendedRow> Numbered(List<DataRow> rows)
    {
        var copies = new Dictionary<DataRow, int>(ReferenceEqualityComparer.Instance);
        var numbered = new List<BlendedRow>(rows.Count);
        foreach (var row in rows)
        {
            var copy = copies.GetValueOrDefault(row);
            copies[row] = copy + 1;
            numbered.Add(new BlendedRow(row, copy));
        }

        return numbered;
    }

    private bool IsDevelopment(DataRow row)
    {
        if (config.Development is not { } split)
        {
            return false;
        }

        var meaning = row.Id.LastIndexOf(':');
        var key = split.Together.Contains(row.Source) && meaning >= 0 ? $"{row.Source}{row.Id[meaning..]}" : row.Id;
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{config.Seed}\n{key}"));
        return BinaryPrimitives.ReadUInt64LittleEndian(hash) / (double)ulong.MaxValue < split.Share;
    }

    private static DroppedRow Dropped(DataRow row, string reason, DataRow? like = null) => new(row.File, row.Line, row.Id, row.Source, reason, like?.Place);
}
