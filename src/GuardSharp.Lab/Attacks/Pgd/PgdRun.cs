using GuardSharp.Evaluation.Attacks;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Lab.Attacks.Pgd;

/// <summary>Attacks rows one after the other, each with a rising epsilon. What the folder holds already is not done again.</summary>
internal sealed class PgdRun(PgdRoom room, PgdOptions options, IReadOnlyList<Epsilon> epsilons)
{
    private readonly PgdSearch _search = new(new PgdLooks(room, room.Known), options, room.Threshold);

    /// <summary>Attacks all rows.</summary>
    public void Run(IReadOnlyList<Sample> rows, IProgress<RowProgress> progress, CancellationToken cancellation)
    {
        var all = (long)rows.Count * epsilons.Count;
        for (var i = 0; i < rows.Count; i++)
        {
            var first = (long)i * epsilons.Count;
            if (epsilons.Any(epsilon => room.Folder.Find(epsilon.Name, rows[i].Id) is null))
            {
                Attack(rows[i], done => progress.Report(new RowProgress(first + done, all)), cancellation);
            }

            progress.Report(new RowProgress(first + epsilons.Count, all));
        }
    }

    private void Attack(Sample sample, Action<int> done, CancellationToken cancellation)
    {
        var target = room.Prepare(sample);
        var before = room.Ask(sample.Conversation, cancellation);
        var clean = new PgdSolution(target.Clean, before.UnsafeProbability, !before.Unsafe);
        var known = clean;
        foreach (var (index, epsilon) in epsilons.Index())
        {
            var solution = room.Folder.Find(epsilon.Name, sample.Id) is { } result
                ? new PgdSolution(PgdFiles.Load(room.Folder, result, target.Clean.Count), result.After, result.SafeAfter)
                : Attack(target, epsilon, known, clean, cancellation);
            // Without room to move nothing was found.
            known = options.FromSmaller && epsilon.Levels > 0 ? solution : clean;
            done(index + 1);
        }
    }

    private PgdSolution Attack(PgdTarget target, Epsilon epsilon, PgdSolution known, PgdSolution clean, CancellationToken cancellation)
    {
        var files = new PgdFiles(room, target, epsilon.FilePart);
        // The clean picture goes through its file as well.
        var outcome = epsilon.Levels == 0
            ? new PgdOutcome(clean, [], 0)
            : _search.Run(target, epsilon, known, pictures => files.Ask(pictures, cancellation), cancellation);
        // What is reported is the file that was judged last: a solution that was known before, or that a later one did not better, is asked about again.
        var solution = files.IsLast(outcome.Solution) ? outcome.Solution : files.Ask(outcome.Solution.Pictures, cancellation);
        room.Folder.Add(new AttackResult
        {
            Id = target.Sample.Id,
            Setting = epsilon.Name,
            Task = target.Sample.Task == SampleTask.Prompt ? "prompt" : "response",
            Before = clean.Probability,
            SafeBefore = clean.Safe,
            After = solution.Probability,
            SafeAfter = solution.Safe,
            Curve = [.. outcome.Curve.Select(value => Math.Round(value, 5))],
            Queries = outcome.Queries + (ReferenceEquals(solution, outcome.Solution) ? 1 : 2),
            OriginalPicture = files.WriteOriginal(),
            AttackedPicture = files.AttackedName,
            DifferencePicture = files.WriteDifference(solution),
        });
        return solution;
    }
}
