using GuardSharp.Evaluation.Datasets;
using GuardSharp.Lab.Training.Phrases;

namespace GuardSharp.Lab.Training.Rows;

/// <summary>The rows of a run: what is learned from, and what chooses.</summary>
/// <param name="Train">Rows to learn from: the file's, cleaned, and our own phrases.</param>
/// <param name="Dev">Development rows.</param>
internal sealed record TrainingRows(IReadOnlyList<TrainingRow> Train, IReadOnlyList<TrainingRow> Dev)
{
    /// <summary>Reads the files; leaves out of training what the licence forbids and what stands nearly the same among the development rows.</summary>
    /// <param name="config">Files and limits.</param>
    /// <param name="report">Progress lines.</param>
    public static TrainingRows Load(DataConfig config, Action<string> report)
    {
        var dev = config.Dev.SelectMany(TrainingRowReader.Read).ToList();
        var known = new NearDuplicates();
        foreach (var row in dev)
            known.Add(row.LastText);

        var all = config.Train.SelectMany(TrainingRowReader.Read).ToList();
        var licensed = all.Where(row => row.WrittenBy is null || !config.ExcludeWrittenBy.Contains(row.WrittenBy)).ToList();
        var clean = licensed.Where(row => known.Nearest(row.LastText) < config.NearDuplicate).ToList();
        // Our own texts were written without a look at the development rows; by chance one may come near all the same.
        List<TrainingRow> written = [.. PhraseBook.Rows(), .. RemarkBook.Rows(seed: 1)];
        written.AddRange(ReplyBook.Rows([.. clean, .. written], seed: 1));
        var own = written.Where(row => known.Nearest(row.LastText) < config.NearDuplicate).ToList();
        report($"rows: {all.Count} read, {all.Count - licensed.Count} left out for their writer, {licensed.Count - clean.Count} for a near duplicate among "
            + $"{dev.Count} development rows, {own.Count} phrases and replies of our own added, {written.Count - own.Count} left out for a near duplicate");
        return new TrainingRows([.. clean, .. own], dev);
    }
}
