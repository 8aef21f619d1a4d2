namespace GuardSharp.Engine;

/// <summary>Work that waits in the engine's queue. Completed exactly once, by the engine's thread.</summary>
internal abstract class EngineJob(CancellationToken cancellation)
{
    public CancellationToken Cancellation { get; } = cancellation;

    /// <summary>Rows it adds to a forward pass.</summary>
    public abstract int Rows { get; }

    public abstract void Fail(Exception error);

    public abstract void Cancel();
}

/// <summary>Reads a prompt: fills a session's cache.</summary>
internal sealed class ReadPromptJob(EncodedPrompt prompt, PromptSession session, CancellationToken cancellation) : EngineJob(cancellation)
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public EncodedPrompt Prompt { get; } = prompt;

    /// <summary>When it entered the queue, as <see cref="System.Diagnostics.Stopwatch"/> counts.</summary>
    public long Enqueued { get; } = System.Diagnostics.Stopwatch.GetTimestamp();

    public PromptSession Session { get; } = session;

    public Task Task => _done.Task;

    public override int Rows => Prompt.Rest.Length;

    public void Complete() => _done.TrySetResult();

    public override void Fail(Exception error) => _done.TrySetException(error);

    public override void Cancel() => _done.TrySetCanceled(Cancellation);
}

/// <summary>Asks for the logits behind a prompt and some continuations of it.</summary>
internal sealed class NextLogitsJob(
    PromptSession session, IReadOnlyList<int[]> continuations, int[] tokens, CancellationToken cancellation) : EngineJob(cancellation)
{
    private readonly TaskCompletionSource<float[][]> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public PromptSession Session { get; } = session;

    public IReadOnlyList<int[]> Continuations { get; } = continuations;

    /// <summary>Tokens whose logits are wanted; empty: the whole vocabulary.</summary>
    public int[] Tokens { get; } = tokens;

    public Task<float[][]> Task => _done.Task;

    public override int Rows => Continuations.Sum(c => c.Length);

    public void Complete(float[][] logits) => _done.TrySetResult(logits);

    public override void Fail(Exception error) => _done.TrySetException(error);

    public override void Cancel() => _done.TrySetCanceled(Cancellation);
}

/// <summary>Nothing to compute: the engine's thread wakes up and frees what was released.</summary>
internal sealed class WakeJob() : EngineJob(CancellationToken.None)
{
    public static WakeJob Instance { get; } = new();

    public override int Rows => 0;

    public override void Fail(Exception error)
    {
    }

    public override void Cancel()
    {
    }
}
