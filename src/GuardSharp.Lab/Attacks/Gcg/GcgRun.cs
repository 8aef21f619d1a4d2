using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Attacks;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Lab.FineTuning;
using GuardSharp.Policies;

namespace GuardSharp.Lab.Attacks.Gcg;

/// <summary>Attacks rows one after the other and keeps what came of each: a run that was stopped goes on with the next.</summary>
/// <param name="model">The guard's network.</param>
/// <param name="guard">The guard that judges rows before and after.</param>
/// <param name="options">How it judges.</param>
/// <param name="settings">The attack's.</param>
/// <param name="progress">Told of steps and rows.</param>
internal sealed class GcgRun(GcgModel model, IGuard guard, ClassifyOptions options, GcgSettings settings, ProgressLine progress)
{
    /// <summary>Attacks each row with a suffix of its own.</summary>
    /// <param name="rows">Truly unsafe rows with a place for a suffix.</param>
    /// <param name="folder">Where results go.</param>
    /// <param name="cancellation">Stops the run; finished rows stay.</param>
    public async Task<AttackSummary> RunAsync(IReadOnlyList<Sample> rows, AttackFolder folder, CancellationToken cancellation)
    {
        var attack = new GcgAttack(model, guard, options, settings);
        for (var done = 0; done < rows.Count; done++)
        {
            Report(done, 0, rows.Count);
            if (folder.Find(settings.Place.Setting(), rows[done].Id) is null)
            {
                var result = await AttackAsync(attack, rows[done], (done, rows.Count), cancellation).ConfigureAwait(false);
                folder.Add(result);
                progress.Note(FormattableString.Invariant(
                    $"{done + 1} of {rows.Count} {result.Id}: P(unsafe) {result.Before:F3} to {result.After:F3}, {(result.SafeBefore ? "safe before" : result.SafeAfter ? "safe" : "unsafe")}, {result.Queries} queries"));
            }
        }

        Report(rows.Count, 0, rows.Count);
        return folder.Finish();
    }

    /// <summary>Looks for one suffix that serves the first rows, and judges all with it.</summary>
    /// <param name="rows">Truly unsafe rows with a place for a suffix.</param>
    /// <param name="shared">How many of them it is looked for on; the others show whether it carries over.</param>
    /// <param name="folder">Where results go.</param>
    /// <param name="cancellation">Stops the run.</param>
    /// <exception cref="GuardException">There are not more rows than it is looked for on.</exception>
    public async Task<AttackSummary> RunUniversalAsync(IReadOnlyList<Sample> rows, int shared, AttackFolder folder, CancellationToken cancellation)
    {
        if (rows.Count <= shared)
        {
            throw new GuardException($"--universal is {shared}, but there are {rows.Count} rows: none would be left to see whether the suffix carries over. Give more rows, or a smaller number.");
        }

        // Rows of a draw are in the file's order: its first ones would be of one source.
        Sample[] order = [.. rows];
        new Random(Seeds.Mix(settings.Seed, "universal")).Shuffle(order);
        var (learned, held) = ($"universal {settings.Place.Setting()}, its own rows", $"universal {settings.Place.Setting()}, held-out rows");
        var known = order.Take(shared).Select(row => folder.Find(learned, row.Id)).FirstOrDefault(result => result is not null);
        var (suffix, curve, queries) = known is { Text: { } text }
            ? (text, known.Curve, known.Queries)
            : await FindAsync(order[..shared], cancellation).ConfigureAwait(false);
        foreach (var (place, row) in order.Index())
        {
            var setting = place < shared ? learned : held;
            if (folder.Find(setting, row.Id) is null)
            {
                var before = await guard.ClassifyAsync(row.Conversation, options, cancellation).ConfigureAwait(false);
                var after = await guard.ClassifyAsync(SuffixSlot.Of(model.Guard, options, row.Conversation, settings.Place).With(suffix), options, cancellation).ConfigureAwait(false);
                folder.Add(Result(row, setting, before) with
                {
                    After = after.UnsafeProbability,
                    SafeAfter = !after.Unsafe,
                    Text = suffix,
                    Curve = place < shared ? curve : [],
                    Queries = place < shared ? queries : 1,
                });
            }
        }

        return folder.Finish();
    }

    private async Task<(string Suffix, IReadOnlyList<double> Curve, long Queries)> FindAsync(Sample[] rows, CancellationToken cancellation)
    {
        var slots = rows.Select(row => SuffixSlot.Of(model.Guard, options, row.Conversation, settings.Place)).ToList();
        var outcome = await new GcgAttack(model, guard, options, settings).RunAsync(slots, "universal", (step, _) => Report(0, step, 1), cancellation).ConfigureAwait(false);
        progress.Note(FormattableString.Invariant($"one suffix for {rows.Length} rows: {(outcome.Success ? "all are judged safe" : "not all are judged safe")} after {outcome.Steps} steps, {outcome.Queries} queries"));
        return (outcome.Suffix, outcome.Curve, outcome.Queries);
    }

    private static AttackResult Result(Sample row, string setting, Verdict before) => new()
    {
        Id = row.Id,
        Setting = setting,
        Task = row.Task.ToString().ToLowerInvariant(),
        Before = before.UnsafeProbability,
        SafeBefore = !before.Unsafe,
        After = before.UnsafeProbability,
        SafeAfter = !before.Unsafe,
    };

    private async Task<AttackResult> AttackAsync(GcgAttack attack, Sample row, (int Done, int All) rows, CancellationToken cancellation)
    {
        var before = await guard.ClassifyAsync(row.Conversation, options, cancellation).ConfigureAwait(false);
        var result = Result(row, settings.Place.Setting(), before);
        if (!before.Unsafe)
        {
            // The guard misses it already: there is nothing to attack.
            return result;
        }

        var slot = SuffixSlot.Of(model.Guard, options, row.Conversation, settings.Place);
        var outcome = await attack.RunAsync([slot], row.Id, (step, _) => Report(rows.Done, step, rows.All), cancellation).ConfigureAwait(false);
        if (!slot.Fits(outcome.Ids, outcome.Suffix))
        {
            throw new InvalidOperationException($"{row.Place}: the suffix does not become the tokens that were optimised.");
        }

        var after = await guard.ClassifyAsync(slot.With(outcome.Suffix), options, cancellation).ConfigureAwait(false);
        return result with { After = after.UnsafeProbability, SafeAfter = !after.Unsafe, Curve = outcome.Curve, Queries = outcome.Queries, Text = outcome.Suffix };
    }

    private void Report(int done, int step, int all) =>
        progress.Report(new RowProgress(((long)done * settings.Steps) + step, (long)all * settings.Steps));
}
