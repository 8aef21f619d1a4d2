using GuardSharp.Server.Audit.Recording;
using GuardSharp.Server.Audit.Store;

namespace GuardSharp.Tests.Server.Audit;

/// <summary>A real store that can be taken away.</summary>
internal sealed class FaultyStore(IDecisionStore store) : IDecisionStore
{
    private volatile bool _away;
    private volatile TaskCompletionSource? _hanging;

    /// <summary>Commits so far.</summary>
    public int Commits { get; private set; }

    public void Away() => _away = true;

    public void Back() => _away = false;

    public void Hang() => _hanging = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Lets whoever hangs go on.</summary>
    public void Resume()
    {
        var hanging = _hanging;
        _hanging = null;
        hanging?.TrySetResult();
    }

    /// <summary>Lets whoever hangs end with an error.</summary>
    public void Release()
    {
        _away = true;
        _hanging?.TrySetResult();
    }

    public Task OpenAsync(RunStart run, CancellationToken cancellationToken) => PassAsync(() => store.OpenAsync(run, cancellationToken));

    public async Task<IReadOnlyList<DecisionRow>> WriteAsync(IReadOnlyList<DecisionRow> rows, CancellationToken cancellationToken)
    {
        await PassAsync(() => Task.CompletedTask);
        Commits++;
        return await store.WriteAsync(rows, cancellationToken);
    }

    public async Task<IReadOnlyList<Gap>> SettleAsync(RunStart run, long taken, DateTimeOffset? ended, CancellationToken cancellationToken)
    {
        await PassAsync(() => Task.CompletedTask);
        return await store.SettleAsync(run, taken, ended, cancellationToken);
    }

    public Task<long> DeleteBeforeAsync(DateTimeOffset time, CancellationToken cancellationToken) => store.DeleteBeforeAsync(time, cancellationToken);

    public Task<IReadOnlyList<StoredDecision>> ListAsync(DecisionQuery query, CancellationToken cancellationToken) => store.ListAsync(query, cancellationToken);

    public Task<(StoredDecision Decision, IReadOnlyList<StoredLabel> Labels)?> FindAsync(string id, CancellationToken cancellationToken) => store.FindAsync(id, cancellationToken);

    public Task<bool> LabelAsync(string id, StoredLabel label, CancellationToken cancellationToken) => store.LabelAsync(id, label, cancellationToken);

    public async Task<IReadOnlyList<Gap>> GapsAsync(CancellationToken cancellationToken)
    {
        await PassAsync(() => Task.CompletedTask);
        return await store.GapsAsync(cancellationToken);
    }

    public Task<IReadOnlyList<OpenRun>> OpenRunsAsync(CancellationToken cancellationToken) => store.OpenRunsAsync(cancellationToken);

    public ValueTask DisposeAsync() => store.DisposeAsync();

    private async Task PassAsync(Func<Task> next)
    {
        if (_hanging is { } hanging)
        {
            await hanging.Task;
        }

        if (_away)
        {
            throw new TimeoutException("the test took the store away");
        }

        await next();
    }
}
