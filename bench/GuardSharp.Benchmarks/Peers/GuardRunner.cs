using System.Diagnostics;
using System.Globalization;
using GuardSharp.Conversations;
using GuardSharp.Engine;

namespace GuardSharp.Benchmarks.Peers;

/// <summary>GuardSharp's side of the comparison: one model, with its caches and without.</summary>
internal sealed class GuardRunner(string path, int threads) : IAsyncDisposable
{
    private static readonly string[] endings = [" a", " the", "!", "?", "x", " 7"];

    private readonly GuardClassifier cold = GuardClassifier.LoadOn(null, path, new GuardOptions { Threads = threads }, new EngineOptions { CachedPrefixes = 0 });
    private readonly GuardClassifier warm = GuardClassifier.Load(path, new GuardOptions { Threads = threads });

    /// <summary>A conversation whose prompt has exactly so many tokens, its ids, and how many of them every prompt of the policy begins with.</summary>
    /// <param name="tokens">Tokens wanted.</param>
    /// <param name="number">Another number gives another text.</param>
    public (Conversation Conversation, int[] Ids, int Prefix) Prompt(int tokens, int number)
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"Message {number}:");
        for (var length = Ids(text).Length; length < tokens;)
        {
            // Words by the dozen first, then whatever is no longer than what is missing.
            var (longer, reached) = endings.Select(ending => string.Concat(Enumerable.Repeat(ending, Math.Max(1, (tokens - length) / 4))))
                .Select(ending => (Text: text + ending, Ids(text + ending).Length))
                .FirstOrDefault(next => next.Length > length && next.Length <= tokens);
            text = longer ?? throw new InvalidOperationException($"No message makes a prompt of {tokens} tokens.");
            length = reached;
        }

        return (Conversation.OfUser(text), Ids(text), Render(text).Prefix.Length);
    }

    private int[] Ids(string text)
    {
        var prompt = Render(text);
        return [.. prompt.Prefix, .. prompt.Rest];
    }

    private EncodedPrompt Render(string text) => cold.Encode(cold.Render(Conversation.OfUser(text), cold.DefaultPolicy), [], CancellationToken.None);

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
