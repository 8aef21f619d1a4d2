using System.CommandLine;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Datasets;
using GuardSharp.Evaluation.Datasets.Remote;

namespace GuardSharp.Cli.Commands;

/// <summary>What <c>data label</c> and <c>data generate</c> share: rows in, a file that grows, and how a run ends.</summary>
internal static class RemoteRows
{
    // Every failed row is counted; naming some says what went wrong.
    private const int MostNamed = 5;

    /// <summary>How many rows are taken.</summary>
    public static Option<int?> Limit() => new("--limit") { Description = "Takes the first N rows.", HelpName = "N" };

    /// <summary>The rows of a file; a bad one, or an id that comes twice, is an error.</summary>
    /// <exception cref="GuardException">A row is bad.</exception>
    public static List<DataRow> Read(string file, RowRules rules, int? limit)
    {
        if (limit < 1)
        {
            throw new GuardException($"--limit is {limit}; it must be 1 or more.");
        }

        List<DataRow> rows = [.. DataRowReader.ReadGood(file, rules).Take(limit ?? int.MaxValue)];
        var ids = new HashSet<string>(StringComparer.Ordinal);
        return rows.FirstOrDefault(row => !ids.Add(row.Id)) is { } twice
            ? throw new GuardException($"{twice.Place}: its id stands in the file before. Answers are kept by id: give every row its own.")
            : rows.Count > 0 ? rows : throw new GuardException($"{file}: the file holds no rows.");
    }

    /// <summary>Runs until done or stopped, and says where the answers are when it stops early.</summary>
    public static async Task<TReport> RunAsync<TReport>(
        Terminal terminal, string output, string unit, Func<ProgressLine, CancellationToken, Task<TReport>> run, CancellationToken cancellationToken)
    {
        // The frame ends a command ten seconds after Ctrl-C: requests under way are given up, answers that came are in the file.
        using var progress = new ProgressLine(terminal, unit, TimeProvider.System);
        try
        {
            return await run(progress, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            progress.Note($"What was answered is in {output}; the same command goes on.");
            throw;
        }
    }

    /// <summary>Names some of the rows that failed.</summary>
    /// <returns>1 when any did, else 0.</returns>
    public static int Failures(Terminal terminal, IReadOnlyList<FailedJob> failed)
    {
        foreach (var job in failed.Take(MostNamed))
        {
            terminal.Error.WriteLine($"no answer for {job.Id}: {job.Message}");
        }

        if (failed.Count > 0)
        {
            terminal.Error.WriteLine($"{failed.Count} rows without an answer; the same command tries them again.");
        }

        return failed.Count > 0 ? ExitCode.Unsafe : ExitCode.Done;
    }
}
