using GuardSharp.Models;
using GuardSharp.Tensors;

namespace GuardSharp.Engine;

/// <summary>A prompt the network has read. Answers questions about what comes next; dispose it to give its memory back.</summary>
/// <remarks>Its fields belong to the engine's thread.</remarks>
internal sealed class PromptSession(GuardEngine engine) : IDisposable
{
    private int _disposed;

    /// <summary>Keys and values of the prompt behind its prefix; the prefix's cache is the parent.</summary>
    internal KvCache? Cache { get; set; }

    /// <summary>The prefix the cache stands on; it may not be evicted while a session lives.</summary>
    internal PrefixEntry? Prefix { get; set; }

    /// <summary>The prompt's pictures as cross-attention reads them, if it reads any.</summary>
    internal PictureMemory? Pictures { get; set; }

    /// <summary>The final, normed row of the prompt's last token.</summary>
    internal float[] LastRow { get; set; } = [];

    /// <summary>How long the prompt waited in the queue.</summary>
    public TimeSpan Queued { get; internal set; }

    /// <summary>Logits of the next token behind the prompt followed by each continuation.</summary>
    /// <param name="continuations">Ids appended to the prompt; an empty one asks for the token right behind the prompt.</param>
    /// <param name="tokens">Tokens whose logits are wanted; empty: the whole vocabulary.</param>
    /// <param name="cancellation">Gives the wait up, and the work if it has not begun.</param>
    /// <returns>One row per continuation, one number per token.</returns>
    public Task<float[][]> NextLogitsAsync(IReadOnlyList<int[]> continuations, IReadOnlyList<int> tokens, CancellationToken cancellation) =>
        engine.NextLogitsAsync(new NextLogitsJob(this, continuations, [.. tokens], cancellation));

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            engine.Release(this);
        }
    }
}
