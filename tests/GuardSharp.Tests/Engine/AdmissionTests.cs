using GuardSharp.Engine;

namespace GuardSharp.Tests.Engine;

public sealed class AdmissionTests
{
    [Fact]
    public void Work_beyond_the_limit_is_refused_until_some_has_left()
    {
        var admission = new Admission(new EngineOptions { MaxQueuedTokens = 100 });
        var first = admission.Enter(60);
        var error = Assert.Throws<QueueFullException>(() => admission.Enter(41));
        Assert.Contains("MaxQueuedTokens", error.Message, StringComparison.Ordinal);
        admission.Enter(40).Dispose();
        first.Dispose();
        first.Dispose();
        Assert.Equal((0, 0L), (admission.Places, admission.Work));
        admission.Enter(41).Dispose();
    }

    [Fact]
    public void A_prompt_that_is_alone_is_let_in_whatever_its_size()
    {
        var admission = new Admission(new EngineOptions { MaxQueuedTokens = 100 });
        using var place = admission.Enter(1000);
        Assert.Throws<QueueFullException>(() => admission.Enter(1));
    }

    [Fact]
    public void A_guess_is_put_right_when_the_size_is_known()
    {
        var admission = new Admission(new EngineOptions { MaxQueuedTokens = 1000 });
        using (var place = admission.Enter(500))
        {
            place.Resize(20);
            Assert.Equal(20, admission.Work);
        }

        Assert.Equal(0, admission.Work);
    }

    [Fact]
    public async Task A_wait_that_would_be_too_long_is_refused_and_its_length_told()
    {
        var admission = new Admission(new EngineOptions { MaxQueueWait = TimeSpan.FromSeconds(10) });
        using (var read = admission.Enter(1))
        {
            // At least 20 ms for one token: a thousand tokens take at least 20 s.
            await Task.Delay(20, TestContext.Current.CancellationToken);
            read.Read();
        }

        using var alone = admission.Enter(1000);
        var error = Assert.Throws<QueueFullException>(() => admission.Enter(1));
        Assert.InRange(error.EstimatedWait!.Value.TotalSeconds, 15, double.MaxValue);
        Assert.Contains("MaxQueueWaitSeconds", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tile_counts_as_tokens_and_the_policy_as_none()
    {
        var prompt = new EncodedPrompt([1, 2, 3], [4, 5], [new EncodedImage(new float[2 * 12], 1, 2)]);
        Assert.Equal(2 + (2 * Admission.TokensPerTile), Admission.WorkOf(prompt, tileLength: 12));
    }

    [Fact]
    public async Task An_idle_engine_waits_for_more_where_that_is_asked_for()
    {
        using var model = EngineModel.Open("llama-tiny/tied");
        var (engine, network) = model.Start(new EngineOptions { MaxBatchWait = TimeSpan.FromSeconds(30), MaxBatchTokens = 64 });
        using var _ = engine;
        var first = engine.ReadAsync(new EncodedPrompt([], [1, 2, 3], []), TestContext.Current.CancellationToken);
        // A whole batch does not wait any longer.
        var second = engine.ReadAsync(new EncodedPrompt([], [.. Enumerable.Range(4, 64)], []), TestContext.Current.CancellationToken);
        (await first.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken)).Dispose();
        (await second).Dispose();
        Assert.Equal(64, network.Passes.First());
    }
}
