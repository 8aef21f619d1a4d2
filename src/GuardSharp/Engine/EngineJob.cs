using System.Diagnostics;

namespace GuardSharp.Engine;

/// <summary>Work that waits in the engine's queue. Completed exactly once, by the engine's thread.</summary>
internal abstract class EngineJob(CancellationToken cancellation)
{
    public CancellationToken Cancellation { get; } = cancellation;

    public abstract void Fail(Exception error);

    public abstract void Cancel();
}

/// <summary>Reads a prompt: fills a session's cache.</summary>
/// <param name="prompt">The prompt.</param>
/// <param name="session">What is filled.</param>
/// <param name="tokens">Tokens whose logits behind the prompt are wanted at once; null: none are.</param>
/// <param name="cancellation">Gives the work up.</param>
internal sealed class ReadPromptJob(EncodedPrompt prompt, PromptSession session, int[]? tokens, CancellationToken cancellation) : EngineJob(cancellation)
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public EncodedPrompt Prompt { get; } = prompt;

    /// <summary>When it entered the queue, as <see cref="Stopwatch"/> counts.</summary>
    public long Enqueued { get; } = Stopwatch.GetTimestamp();

    public PromptSession Session { get; } = session;

    public int[]? Tokens { get; } = tokens;

    public Task Task => _done.Task;

    public void Complete() => _done.TrySetResult();

    public override void Fail(Exception error) => _done.TrySetException(error);

    public override void Cancel() => _done.TrySetCanceled(Cancellation);
}

/// <summary>Asks for the logits behind a prompt and some continuations of it.</summary>
internal sealed class NextLogitsJob(
    PromptSession session, IReadOnlyList<int[]> continuations, int[] tokens, CancellationToken cancellation) : EngineJob(cancellation)
{
    private readonly TaskCompletionSource<float[][]> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ContinuationPlan? _plan;

    public PromptSession Session { get; } = session;

    /// <summary>Tokens whose logits are wanted; empty: the whole vocabulary.</summary>
    public int[] Tokens { get; } = tokens;

    /// <summary>What has to be read for them, beside what the session's earlier questions read. For the engine's thread.</summary>
    public ContinuationPlan Plan => _plan ??= new ContinuationPlan(continuations, Session.Branches);

    public Task<float[][]> Task => _done.Task;

    public void Complete(float[][] logits) => _done.TrySetResult(logits);

    public override void Fail(Exception error) => _done.TrySetException(error);

    public override void Cancel() => _done.TrySetCanceled(Cancellation);
}

/// <summary>Nothing to compute: the engine's thread wakes up and frees what was released.</summary>
internal sealed class WakeJob() : EngineJob(CancellationToken.None)
{
    public static WakeJob Instance { get; } = new();

    public override void Fail(Exception error)
    {
    }

    public override void Cancel()
    {
    }
}
