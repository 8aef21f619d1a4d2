using GuardSharp.Evaluation.Predictions;
using GuardSharp.Remote;

namespace GuardSharp.Evaluation.Datasets.Remote;

/// <summary>One thing to ask for.</summary>
/// <param name="Id">The id of the row it makes.</param>
/// <param name="Row">The row it is about.</param>
internal record RemoteJob(string Id, DataRow Row);

/// <summary>A job that gave no row, and why. The next run tries it again.</summary>
/// <param name="Id">The id of the row it would have made.</param>
/// <param name="Message">The error; holds nothing of the row's text.</param>
internal sealed record FailedJob(string Id, string Message);

/// <summary>Works jobs off, a few at a time, and writes each answer down at once.</summary>
/// <param name="concurrency">Jobs under way at the same time.</param>
internal sealed class RemoteBatch(int concurrency)
{
    // A server that fails this often in a row is down, or does not want us: asking on would only cost.
    private const int MostFailuresInARow = 10;

    private readonly Lock _gate = new();
    private readonly List<FailedJob> _failed = [];
    private GuardException? _last;
    private int _inARow;
    private long _done;

    /// <summary>Jobs that gave no row.</summary>
    public IReadOnlyList<FailedJob> Failed => _failed;

    /// <summary>Does the jobs.</summary>
    /// <param name="jobs">What is left to do.</param>
    /// <param name="work">Makes the row of a job, or null where there is none to make.</param>
    /// <param name="journal">Gets the rows.</param>
    /// <param name="progress">Told after every job.</param>
    /// <param name="cancellationToken">Stops; answers that came are in the journal.</param>
    /// <exception cref="GuardException">The server failed too often in a row. What was answered is in the journal.</exception>
    public async Task RunAsync<TJob>(
        IReadOnlyList<TJob> jobs, Func<TJob, CancellationToken, Task<string?>> work, RowJournal journal, IProgress<RowProgress>? progress, CancellationToken cancellationToken)
        where TJob : RemoteJob
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var options = new ParallelOptions { MaxDegreeOfParallelism = concurrency, CancellationToken = stop.Token };
        try
        {
            await Parallel.ForEachAsync(jobs, options, async (job, token) =>
            {
                if (!await DoAsync(job, work, journal, token).ConfigureAwait(false))
                {
                    await stop.CancelAsync().ConfigureAwait(false);
                }

                progress?.Report(new RowProgress(Interlocked.Increment(ref _done), jobs.Count));
            }).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new GuardException($"{MostFailuresInARow} requests in a row failed, so no more were sent. The last: {_last!.Message} What was answered is kept; the same command goes on.", _last);
        }
    }

    /// <summary>Does one job; false when the server failed too often.</summary>
    private async Task<bool> DoAsync<TJob>(TJob job, Func<TJob, CancellationToken, Task<string?>> work, RowJournal journal, CancellationToken token)
        where TJob : RemoteJob
    {
        try
        {
            if (await work(job, token).ConfigureAwait(false) is { } row)
            {
                journal.Append(job.Id, row);
            }

            Interlocked.Exchange(ref _inARow, 0);
            return true;
        }
        catch (GuardException error) when (error is not Samples.SampleFileException)
        {
            lock (_gate)
            {
                _failed.Add(new FailedJob(job.Id, error.Message));
                _last = error;
            }

            // A row that is too long, say, is the row's fault and tells nothing about the server.
            return error is not RemoteGuardException || Interlocked.Increment(ref _inARow) < MostFailuresInARow;
        }
    }
}
