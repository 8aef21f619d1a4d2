using System.Diagnostics;
using GuardSharp.Tensors;

namespace GuardSharp.Engine;

/// <summary>A prompt, or a policy that prompts wait for, on its way through the network. Belongs to the engine's thread.</summary>
/// <param name="job">Who asked; null for a policy.</param>
/// <param name="ids">All ids.</param>
/// <param name="keys">What the keys and values depend on.</param>
internal sealed class PromptReading(ReadPromptJob? job, int[] ids, long[] keys)
{
    public ReadPromptJob? Job { get; } = job;

    public int[] Ids { get; } = ids;

    public long[] Keys { get; } = keys;

    /// <summary>The policy that has to be read first.</summary>
    public PromptReading? WaitsFor { get; set; }

    /// <summary>The entry it stands on, held: that of its longest known beginning, at the least its policy's.</summary>
    public CachedPrompt? Below { get; set; }

    /// <summary>Rows of the longest known beginning.</summary>
    public int Known { get; set; }

    public PromptPictures? Pictures { get; set; }

    /// <summary>Null until the first rows are read.</summary>
    public KvCache? Cache { get; set; }

    /// <summary>Rows that are known or read.</summary>
    public int Done => Cache?.Length ?? Known;

    /// <summary>Rows still to be read.</summary>
    public int Remaining => Ids.Length - Done;

    /// <summary>Whether rows of it can be read now.</summary>
    public bool IsReady => WaitsFor is null && Pictures is null or { AreComplete: true };

    /// <summary>Whether nobody waits for it any more.</summary>
    public bool IsGivenUp => Job is not null && (Job.Cancellation.IsCancellationRequested || Job.Session.IsReleased);

    /// <summary>How long it has waited so far.</summary>
    public TimeSpan Waited => Job is null ? TimeSpan.Zero : Stopwatch.GetElapsedTime(Job.Enqueued);
}
