using System.Diagnostics;
using GuardSharp.Conversations;
using GuardSharp.Engine;

namespace GuardSharp.Benchmarks.Peers;

/// <summary>GuardSharp's side of the comparison: one model, with its caches and without.</summary>
internal sealed class GuardRunner(string path, int threads) : IAsyncDisposable
{
    private readonly GuardClassifier cold = GuardClassifier.LoadOn(null, path, new GuardOptions { Threads = threads }, new EngineOptions { CachedPrefixes = 0 });
    private readonly GuardClassifier warm = GuardClassifier.Load(path, new GuardOptions { Threads = threads });

    /// <summary>A conversation whose prompt has exactly so many tokens, its ids, and how many of them every prompt of the policy begins with.</summary>
    /// <param name="tokens">Tokens wanted.</param>
    /// <param name="number">Another number gives another text.</param>
    public (Conversation Conversation, int[] Ids, int Prefix) Prompt(int tokens, int number)
    {
        var words = $"Message {number}:";
        while (true)
        {
            var conversation = Conversation.OfUser(words);
            var prompt = cold.Encode(cold.Render(conversation, cold.DefaultPolicy), [], CancellationToken.None);
            var missing = tokens - prompt.Length;
            if (missing <= 0)
            {
                return missing == 0 ? (conversation, [.. prompt.Prefix, .. prompt.Rest], prompt.Prefix.Length)
                    : throw new InvalidOperationException($"No message makes a prompt of {tokens} tokens.");
            }

            // One letter behind a blank is a token of every vocabulary.
            words += string.Concat(Enumerable.Range(0, missing).Select(i => $" {(char)('a' + ((number + i) % 26))}"));
        }
    }

    /// <summary>Tokens a second: reading a prompt with the logits behind it, and one after the other behind a short one.</summary>
    public async Task<(double Reading, double Writing)> SpeedAsync(int prompt, int generated)
    {
        var random = new Random(7);
        int[] ids = [.. Enumerable.Range(0, prompt).Select(_ => random.Next(1000))];
        var started = Stopwatch.GetTimestamp();
        using (var session = await cold.Engine.ReadAsync(new EncodedPrompt([], ids, []), CancellationToken.None))
        {
            await session.NextLogitsAsync([[]], [], CancellationToken.None);
        }

        var reading = prompt / Stopwatch.GetElapsedTime(started).TotalSeconds;
        using var start = await cold.Engine.ReadAsync(new EncodedPrompt([], ids[..1], []), CancellationToken.None);
        started = Stopwatch.GetTimestamp();
        for (var i = 0; i < generated; i++)
        {
            await start.NextLogitsAsync([[ids[i % ids.Length]]], [], CancellationToken.None);
        }

        return (reading, generated / Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    /// <summary>Milliseconds to a verdict with all categories.</summary>
    /// <param name="conversation">The conversation.</param>
    /// <param name="cached">Whether the policy's keys and values are kept.</param>
    public async Task<double> JudgeAsync(Conversation conversation, bool cached)
    {
        var started = Stopwatch.GetTimestamp();
        await (cached ? warm : cold).ClassifyAsync(conversation);
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }

    /// <summary>Milliseconds to the logits behind a prompt: what a server does for one token.</summary>
    /// <param name="ids">The prompt.</param>
    /// <param name="prefix">Ids at its beginning whose keys and values are kept; 0: none.</param>
    public async Task<double> ReadAsync(int[] ids, int prefix)
    {
        var started = Stopwatch.GetTimestamp();
        var guard = prefix > 0 ? warm : cold;
        using var session = await guard.Engine.ReadAsync(new EncodedPrompt(ids[..prefix], ids[prefix..], []), CancellationToken.None);
        await session.NextLogitsAsync([[]], [], CancellationToken.None);
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }

    public async ValueTask DisposeAsync()
    {
        await cold.DisposeAsync();
        await warm.DisposeAsync();
    }
}
