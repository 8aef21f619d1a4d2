using GuardSharp.Engine;

namespace GuardSharp.Tests.Engine;

/// <summary>Work that is given up gives its memory back at once, and leaves nothing half done.</summary>
public class EngineCancellationTests
{
    private static readonly EngineOptions _options = new() { MaxBatchTokens = 64, CachedPrefixes = 0, ConversationCacheBytes = 1 << 24, ImageCacheBytes = 1 << 24 };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_prompt_given_up_between_two_pieces_frees_its_memory_before_other_work_ends()
    {
        using var model = EngineModel.Open("llama-tiny/tied");
        var (engine, network) = model.Start(_options with { ConversationCacheBytes = 0 });
        using var _ = engine;
        using Gate gate = new(network, openAfter: 0);
        using var given = new CancellationTokenSource();
        var other = engine.ReadAsync(Prompt(0, 3000), Cancellation);
        await gate.Entered;
        var alone = engine.LiveCacheBytes;
        var reading = engine.ReadAsync(Prompt(3, 2000), given.Token);
        using var middle = new Gate(network, openAfter: 4);
        gate.Open();
        await middle.Entered;
        Assert.InRange(engine.LiveCacheBytes, alone * 1.6, alone * 1.7);
        using var next = new Gate(network, openAfter: 5);
        await given.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        middle.Open();
        // The next pass stands, of 48; the memory is free.
        await next.Entered;
        Assert.Equal(alone, engine.LiveCacheBytes);
        next.Open();
        (await other).Dispose();
        await SettleAsync(engine, 0);
        // Of both only a part was read: nothing of the one given up is known.
        Assert.InRange(network.Passes.Sum(), 3000, 3000 + (6 * 64));
    }

    [Fact]
    public async Task A_prompt_given_up_in_the_queue_is_never_read()
    {
        using var model = EngineModel.Open("llama-tiny/tied");
        var (engine, network) = model.Start(_options);
        using var _ = engine;
        using var gate = new Gate(network, openAfter: 0);
        using var given = new CancellationTokenSource();
        var first = engine.ReadAsync(Prompt(0, 10), Cancellation);
        await gate.Entered;
        var second = engine.ReadAsync(new EncodedPrompt([9, 9, 9], [1, 2, 3], []), given.Token);
        await given.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        gate.Open();
        (await first).Dispose();
        (await engine.ReadAsync(Prompt(1, 5), Cancellation)).Dispose();
        Assert.Equal([10, 5], network.Passes);
    }

    [Fact]
    public async Task A_prompt_given_up_while_its_answers_are_asked_is_freed_and_not_kept()
    {
        using var model = EngineModel.Open("llama-tiny/tied");
        var (engine, network) = model.Start(_options);
        using var _ = engine;
        using var given = new CancellationTokenSource();
        using (var session = await engine.ReadAsync(Prompt(0, 40), given.Token))
        {
            using var gate = new Gate(network, openAfter: 1);
            var answers = session.NextLogitsAsync([[1], [2], [3, 4]], [], given.Token);
            await gate.Entered;
            await given.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => answers);
        }

        await SettleAsync(engine, 0);
    }

    [Fact]
    public async Task Half_a_picture_is_not_kept()
    {
        using var model = EngineModel.Open("llama4-tiny");
        var (engine, network) = model.Start(_options with { MaxTilesPerPass = 1 });
        using var _ = engine;
        using var given = new CancellationTokenSource();
        var picture = model.Picture(1, columns: 4);
        using var gate = new Gate(network, openAfter: 0);
        var first = engine.ReadAsync(Prompt(0, 3000), Cancellation);
        await gate.Entered;
        var reading = engine.ReadAsync(new EncodedPrompt([], [5, .. model.IdsOf(picture), 6], [picture]), given.Token);
        using var middle = new Gate(network, openAfter: 3);
        gate.Open();
        await middle.Entered;
        await given.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        middle.Open();
        (await first).Dispose();
        // A tile a pass, of five.
        Assert.Equal(3, network.Pictures);
        var tiles = network.Pictures;
        (await engine.ReadAsync(new EncodedPrompt([], [5, .. model.IdsOf(picture), 6], [picture]), Cancellation)).Dispose();
        Assert.Equal(tiles + 5, network.Pictures);
    }

    [Fact]
    public async Task Prompts_given_up_by_the_hundred_leave_nothing()
    {
        using var model = EngineModel.Open("llama-tiny/tied");
        var (engine, _) = model.Start(_options with { ConversationCacheBytes = 0 });
        using var running = engine;
        var random = new Random(1);
        await Task.WhenAll(Enumerable.Range(0, 300).Select(async i =>
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(random.Next(1, 60)));
            try
            {
                using var session = await engine.ReadAsync(new EncodedPrompt([1, 2, (i % 3) + 3], Prompt(i, 50).Rest, []), patience.Token);
                await session.NextLogitsAsync([[1], [2]], [], patience.Token);
            }
            catch (OperationCanceledException)
            {
                // That is what it is about.
            }
        }));
        await SettleAsync(engine, 0);
    }

    /// <summary>The engine frees between two passes: waits until it has.</summary>
    internal static async Task SettleAsync(GuardEngine engine, long bytes)
    {
        await UntilAsync(() => engine.LiveCacheBytes == bytes);
        Assert.Equal(bytes, engine.LiveCacheBytes);
    }

    internal static async Task UntilAsync(Func<bool> isTrue)
    {
        for (var i = 0; i < 5000 && !isTrue(); i++)
        {
            await Task.Delay(1, Cancellation);
        }

        Assert.True(isTrue());
    }

    private static EncodedPrompt Prompt(int first, int count) => new([], [.. Enumerable.Range(first, count).Select(i => 10 + (i % 240))], []);
}
