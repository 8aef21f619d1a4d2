using System.Diagnostics;
using GuardSharp.Conversations;
using GuardSharp.Engine;

namespace GuardSharp.Benchmarks.Peers;

/// <summary>GuardSharp's side of the comparison: one model, with its caches and without.</summary>
internal sealed class GuardRunner(string path, int threads) : IAsyncDisposable
{
    // As many tokens as Llama Guard's answers are made of: safe, unsafe, S, the digits, comma, newline, end.
    private const int AnswerTokens = 20;

    private static readonly string[] endings = [" a", " the", "!", "?", "x", " 7"];

    private string? opening;
    private readonly GuardClassifier cold = GuardClassifier.LoadOn(null, path, new GuardOptions { Threads = threads }, new EngineOptions { CachedPrefixes = 0 });
    private readonly GuardClassifier warm = GuardClassifier.Load(path, new GuardOptions { Threads = threads });

    /// <summary>A conversation whose prompt has exactly so many tokens, and its ids.</summary>
    /// <param name="tokens">Tokens wanted.</param>
    /// <param name="shared">Tokens that it has in common with those of other numbers, at its beginning.</param>
    /// <param name="number">Another number gives another text.</param>
    public (Conversation Conversation, int[] Ids) Prompt(int tokens, int shared, int number)
    {
        opening ??= Grown("Note:", shared, text => Common(Ids(text + " one"), Ids(text + " two")));
        var word = new string([.. Enumerable.Range(0, 3).Select(i => (char)('a' + (number * (i + 7) % 26)))]);
        var text = Grown($"{opening} {word}", tokens, text => Ids(text).Length);
        return (Conversation.OfUser(text), Ids(text));
    }

    // Words by the dozen first, then whatever is no longer than what is missing.
    private static string Grown(string text, int wanted, Func<string, int> measure)
    {
        for (var length = measure(text); length < wanted;)
        {
            var (longer, reached) = endings.Select(ending => string.Concat(Enumerable.Repeat(ending, Math.Max(1, (wanted - length) / 4))))
                .Select(ending => (Text: text + ending, Length: measure(text + ending)))
                .FirstOrDefault(next => next.Length > length && next.Length <= wanted);
            text = longer ?? throw new InvalidOperationException($"No text reaches {wanted} tokens.");
            length = reached;
        }

        return text;
    }

    private static int Common(int[] one, int[] other) => one.AsSpan().CommonPrefixLength(other);

    private int[] Ids(string text)
    {
        var prompt = Render(text);
        return [.. prompt.Prefix, .. prompt.Rest];
    }

    private EncodedPrompt Render(string text) => cold.Encode(cold.Render(Conversation.OfUser(text), cold.DefaultPolicy), [], CancellationToken.None);

    /// <summary>Tokens a second: reading a prompt with the logits behind it, and one after the other behind a short one with all logits, or with those that an answer can hold.</summary>
    public async Task<(double Reading, double Writing, double Answering)> SpeedAsync(int prompt, int generated)
    {
        var random = new Random(7);
        int[] ids = [.. Enumerable.Range(0, prompt).Select(_ => random.Next(1000))];
        var started = Stopwatch.GetTimestamp();
        using (var session = await cold.Engine.ReadAsync(new EncodedPrompt([], ids, []), CancellationToken.None))
        {
            await session.NextLogitsAsync([[]], [], CancellationToken.None);
        }

        var reading = prompt / Stopwatch.GetElapsedTime(started).TotalSeconds;
        return (reading, await WriteAsync(ids, generated, []), await WriteAsync(ids, generated, ids[..AnswerTokens]));
    }

    private async Task<double> WriteAsync(int[] ids, int generated, int[] wanted)
    {
        using var start = await cold.Engine.ReadAsync(new EncodedPrompt([], ids[..1], []), CancellationToken.None);
        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < generated; i++)
        {
            await start.NextLogitsAsync([[ids[i % ids.Length]]], wanted, CancellationToken.None);
        }

        return generated / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    /// <summary>What a verdict with all categories takes.</summary>
    /// <param name="conversation">The conversation.</param>
    /// <param name="cached">Whether keys and values of policies and conversations are kept.</param>
    public Task<Cost> JudgeAsync(Conversation conversation, bool cached) => Cost.OfAsync(() => (cached ? warm : cold).ClassifyAsync(conversation));

    /// <summary>What "safe or unsafe" behind a prompt takes: a server's one token, and all that a text asks for which is found safe.</summary>
    /// <param name="ids">The prompt.</param>
    /// <param name="prefix">Ids at its beginning whose keys and values are kept; 0: none.</param>
    public Task<Cost> AnswerAsync(int[] ids, int prefix) => Cost.OfAsync(async () =>
    {
        var guard = prefix > 0 ? warm : cold;
        using var session = await guard.Engine.ReadAsync(new EncodedPrompt(ids[..prefix], ids[prefix..], []), CancellationToken.None, ids[..2]);
    });

    public async ValueTask DisposeAsync()
    {
        await cold.DisposeAsync();
        await warm.DisposeAsync();
    }
}
