using GuardSharp.Engine;

namespace GuardSharp.Tests.Engine;

/// <summary>What runs with what, and in which order.</summary>
public class EngineScheduleTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static EncodedPrompt Prompt(int first, int count) => new([], [.. Enumerable.Range(first, count).Select(i => 10 + (i % 240))], []);

    [Fact]
    public async Task A_short_prompt_is_read_before_a_long_one_that_came_first()
    {
        using var model = EngineModel.Open("llama-tiny/tied");
        var (engine, network) = model.Start(new EngineOptions { MaxBatchTokens = 64 });
        using var _ = engine;
        using var gate = new Gate(network, openAfter: 1);
        var long1 = engine.ReadAsync(Prompt(0, 8000), Cancellation);
        await gate.Entered;
        // The long one's second pass stands; these arrive meanwhile and fit into the third.
        var short1 = engine.ReadAsync(Prompt(1, 20), Cancellation);
        var short2 = engine.ReadAsync(Prompt(2, 25), Cancellation);
        using var next = new Gate(network, openAfter: 3);
        gate.Open();
        (await short1).Dispose();
        (await short2).Dispose();
        await next.Entered;
        Assert.False(long1.IsCompleted);
        next.Open();
        (await long1).Dispose();
        Assert.All(network.Passes, rows => Assert.InRange(rows, 1, 64));
        Assert.Equal(8045, network.Passes.Sum());
    }

    [Fact]
    public async Task A_long_prompt_goes_on_while_short_ones_keep_coming()
    {
        using var model = EngineModel.Open("llama-tiny/tied");
        var (engine, network) = model.Start(new EngineOptions { MaxBatchTokens = 64 });
        using var _ = engine;
        var last = engine.ReadAsync(Prompt(0, 400), Cancellation);
        var rounds = 0;
        while (!last.IsCompleted)
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(async i => (await engine.ReadAsync(Prompt(i, 30), Cancellation)).Dispose()));
            Assert.True(++rounds < 100, "The long prompt starves.");
        }

        (await last).Dispose();
        Assert.All(network.Passes, rows => Assert.InRange(rows, 1, 64));
    }

    [Fact]
    public async Task Prompts_and_answers_of_several_sessions_run_in_one_pass_and_share_the_head()
    {
        using var model = EngineModel.Open("llama-tiny/tied");
        var (engine, network) = model.Start(new EngineOptions());
        using var _ = engine;
        using var one = await engine.ReadAsync(Prompt(0, 20), Cancellation);
        using var two = await engine.ReadAsync(Prompt(1, 20), Cancellation);
        using var gate = new Gate(network, openAfter: 2);
        var blocked = engine.ReadAsync(Prompt(2, 9), Cancellation, [1, 2]);
        await gate.Entered;
        var first = one.NextLogitsAsync([[5], [5, 6]], [1, 2], Cancellation);
        var second = two.NextLogitsAsync([[7, 8, 9]], [1, 2], Cancellation);
        var third = engine.ReadAsync(Prompt(3, 11), Cancellation, [1, 2]);
        gate.Open();
        await Task.WhenAll(first, second);
        using PromptSession read = await third, other = await blocked;
        // [5] is read with [5, 6].
        Assert.Equal([20, 20, 9, 2 + 3 + 11], network.Passes);
        Assert.Equal(2, network.Heads);
        Assert.Equal(2, read.FirstLogits!.Length);
        Assert.Equal((await read.NextLogitsAsync([[]], [1, 2], Cancellation))[0], read.FirstLogits);
    }

    [Fact]
    public async Task Answers_respect_the_rows_of_a_pass_too()
    {
        using var model = EngineModel.Open("llama-tiny/tied");
        var (engine, network) = model.Start(new EngineOptions { MaxBatchTokens = 64 });
        using var _ = engine;
        using var session = await engine.ReadAsync(Prompt(0, 20), Cancellation);
        var whole = await session.NextLogitsAsync([.. Enumerable.Range(0, 60).Select(i => new[] { 20 + i, 9, 8 })], [3], Cancellation);
        Assert.Equal(60, whole.Length);
        Assert.All(network.Passes, rows => Assert.InRange(rows, 1, 64));
        Assert.Equal(20 + 180, network.Passes.Sum());
        Assert.Equal(whole[17][0], (await session.NextLogitsAsync([[37, 9, 8]], [3], Cancellation))[0][0], 1e-4f);
    }

    [Fact]
    public async Task Prompts_that_wait_for_the_same_policy_read_it_once()
    {
        using var model = EngineModel.Open("llama-tiny/tied");
        var (engine, network) = model.Start(new EngineOptions());
        using var _ = engine;
        using var gate = new Gate(network, openAfter: 0);
        var blocked = engine.ReadAsync(Prompt(2, 9), Cancellation);
        await gate.Entered;
        var waiting = Enumerable.Range(0, 4).Select(i => engine.ReadAsync(new EncodedPrompt([9, 8, 7, 6], [5, 20 + i], []), Cancellation)).ToList();
        gate.Open();
        foreach (var session in await Task.WhenAll([.. waiting, blocked]))
        {
            session.Dispose();
        }

        Assert.Equal([9, 4, 8], network.Passes);
    }

    [Fact]
    public async Task One_prompt_more_than_may_wait_is_refused_and_its_place_is_free_again_later()
    {
        using var model = EngineModel.Open("llama-tiny/tied");
        var (engine, network) = model.Start(new EngineOptions { QueueCapacity = 2 });
        using var _ = engine;
        using var gate = new Gate(network, openAfter: 0);
        using var given = new CancellationTokenSource();
        var first = engine.ReadAsync(Prompt(0, 9), Cancellation);
        await gate.Entered;
        var second = engine.ReadAsync(Prompt(0, 9), given.Token);
        var error = await Assert.ThrowsAsync<QueueFullException>(() => engine.ReadAsync(Prompt(0, 9), Cancellation));
        Assert.Contains("2", error.Message, StringComparison.Ordinal);
        await given.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        var third = engine.ReadAsync(Prompt(0, 9), Cancellation);
        gate.Open();
        (await first).Dispose();
        (await third).Dispose();
    }

    [Fact]
    public async Task What_is_read_in_part_when_the_engine_is_disposed_fails()
    {
        using var model = EngineModel.Open("llama-tiny/tied");
        var (engine, network) = model.Start(new EngineOptions { MaxBatchTokens = 64 });
        using var gate = new Gate(network, openAfter: 2);
        var reading = engine.ReadAsync(Prompt(0, 1000), Cancellation);
        await gate.Entered;
        var disposal = Task.Run(engine.Dispose, Cancellation);
        while (!engine.IsDisposed)
        {
            await Task.Yield();
        }

        gate.Open();
        await disposal;
        await Assert.ThrowsAsync<ObjectDisposedException>(() => reading.WaitAsync(TimeSpan.FromSeconds(30), Cancellation));
        Assert.Equal(3, network.Passes.Count);
    }

    [Fact]
    public async Task A_bad_prompt_fails_alone()
    {
        using var model = EngineModel.Open("llama-tiny/tied");
        var (engine, network) = model.Start(new EngineOptions { CachedPrefixes = 0 });
        using var _ = engine;
        using var gate = new Gate(network, openAfter: 0);
        var blocked = engine.ReadAsync(Prompt(2, 9), Cancellation);
        await gate.Entered;
        var good = engine.ReadAsync(Prompt(0, 9), Cancellation);
        var bad = engine.ReadAsync(new EncodedPrompt([], [5, 100_000], []), Cancellation);
        var badPolicy = engine.ReadAsync(new EncodedPrompt([100_000], [5, 6], []), Cancellation);
        gate.Open();
        (await good).Dispose();
        (await blocked).Dispose();
        await Assert.ThrowsAnyAsync<ArgumentException>(() => bad);
        await Assert.ThrowsAnyAsync<ArgumentException>(() => badPolicy);
        await EngineCancellationTests.SettleAsync(engine, 0);
    }

    [Fact]
    public void The_oldest_gets_a_quarter_and_the_shortest_the_rest()
    {
        PromptReading Waiting(int rows) => new(null, new int[rows], []);
        PromptReading[] waiting = [Waiting(1000), Waiting(500), Waiting(30), Waiting(90), Waiting(5)];
        var chosen = PassPlan.Choose(waiting, 256).Select(part => (Array.IndexOf(waiting, part.Reading), part.Rows)).ToList();
        Assert.Equal([(0, 64), (4, 5), (2, 30), (3, 90), (1, 67)], chosen);
        Assert.Equal([(waiting[0], 256)], PassPlan.Choose(waiting[..1], 256));
        Assert.Equal(125, PassPlan.Choose(waiting[2..], 4096).Sum(part => part.Rows));
        Assert.Empty(PassPlan.Choose([], 256));
    }
}
