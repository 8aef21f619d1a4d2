using GuardSharp.Tensors;

namespace GuardSharp.Engine;

/// <summary>A prompt the network has read. Answers questions about what comes next; dispose it to give its memory back, or over to the conversation cache.</summary>
/// <remarks>Its fields belong to the engine's thread.</remarks>
internal sealed class PromptSession(GuardEngine engine, EncodedPrompt prompt, CancellationToken cancellation) : IDisposable
{
    private int _disposed;

    /// <summary>Whether it was disposed. Safe from any thread.</summary>
    internal bool IsReleased => Volatile.Read(ref _disposed) != 0;

    /// <summary>Whether its owner gave up: nothing of it is kept then.</summary>
    internal bool IsCancelled => cancellation.IsCancellationRequested;

    /// <summary>Positions that the conversation's next turn may use.</summary>
    internal int Reusable { get; } = prompt.Reusable;

    /// <summary>What its keys and values depend on.</summary>
    internal long[] Keys { get; set; } = [];

    /// <summary>Keys and values of the prompt behind what was known of it.</summary>
    internal KvCache? Cache { get; set; }

    /// <summary>Keys and values of continuations that were asked about, oldest first: later questions begin as earlier ones did.</summary>
    internal List<Branch> Branches { get; } = [];

    /// <summary>The entry the cache stands on, held as long as the session lives.</summary>
    internal CachedPrompt? Below { get; set; }

    /// <summary>The prompt's pictures, if it has any.</summary>
    internal PromptPictures? Pictures { get; set; }

    /// <summary>The final, normed row of the prompt's last token.</summary>
    internal float[] LastRow { get; set; } = [];

    /// <summary>How long the prompt waited in the queue.</summary>
    public TimeSpan Queued { get; internal set; }

    /// <summary>Logits right behind the prompt, of the tokens that were asked for with it.</summary>
    public float[]? FirstLogits { get; internal set; }

    /// <summary>Logits of the next token behind the prompt followed by each continuation.</summary>
    /// <param name="continuations">Ids appended to the prompt; an empty one asks for the token right behind the prompt.</param>
    /// <param name="tokens">Tokens whose logits are wanted; empty: the whole vocabulary.</param>
    /// <param name="cancellation">Gives the wait up, and the work unless it runs already.</param>
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

/// <summary>A continuation of a prompt that was read.</summary>
/// <param name="Ids">All its ids, from the prompt on.</param>
/// <param name="Cache">Keys and values of the last of them; it stands on the prompt's or on an older branch's.</param>
internal sealed record Branch(int[] Ids, KvCache Cache);
