namespace GuardSharp.Server.Audit.Recording;

/// <summary>What of the audit lies beside the store: this run's count and spilled decisions, those of runs that were killed, the key of hashes.</summary>
internal sealed class RunFolder : IDisposable
{
    private readonly List<RunFile> _dead;

    private RunFolder(string path, RunFile current, IReadOnlyList<RunFile> dead, long maxSpillBytes)
    {
        KeyPath = System.IO.Path.Combine(path, "hash.key");
        Current = current;
        _dead = [.. dead];
        Spill = new SpillFile(current.SpillPath, maxSpillBytes);
    }

    /// <summary>Where the key of content hashes is.</summary>
    public string KeyPath { get; }

    /// <summary>This process's run.</summary>
    public RunFile Current { get; }

    /// <summary>Decisions of this run that wait for the store.</summary>
    public SpillFile Spill { get; }

    /// <summary>Runs whose processes are gone and of which the store has not heard all.</summary>
    public IReadOnlyList<RunFile> Dead => _dead;

    /// <summary>Opens the folder and begins a run.</summary>
    /// <exception cref="AuditException">The folder cannot be written.</exception>
    public static RunFolder Open(string path, AuditOptions options, TimeProvider time)
    {
        try
        {
            PrivateFile.CreateFolder(path);
            var dead = RunFile.Adopt(path);
            var now = time.GetUtcNow();
            var start = new RunStart(Guid.CreateVersion7(now).ToString("n"), Environment.MachineName, now, options.Durability.ToString());
            return new RunFolder(path, RunFile.Begin(path, start), dead, options.MaxSpillBytes);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new AuditException($"{path}: the audit's folder cannot be used: {error.Message} Name one that the server may write as {AuditOptions.Section}:SpillPath.", error);
        }
    }

    /// <summary>A dead run is settled: nothing of it is left here.</summary>
    public void Remove(RunFile run)
    {
        run.Delete();
        _dead.Remove(run);
    }

    /// <summary>Closes all files and leaves them for the next start.</summary>
    public void Dispose()
    {
        Spill.Dispose();
        Current.Dispose();
        foreach (var run in _dead)
        {
            run.Dispose();
        }
    }
}
