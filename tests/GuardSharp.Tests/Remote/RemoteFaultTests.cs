using System.Diagnostics;
using GuardSharp.Conversations;
using GuardSharp.Prompts;
using GuardSharp.Remote;
using Microsoft.AspNetCore.Http;

namespace GuardSharp.Tests.Remote;

/// <summary>Servers that are down, busy, broken or lying: an error that says so, never a verdict.</summary>
public sealed class RemoteFaultTests
{
    private static readonly string _safe = RemoteBodies.Chat("safe", ("safe", [("safe", 0.99), ("unsafe", 0.01)]));

    [Theory]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(429)]
    public async Task What_may_pass_is_tried_again(int status)
    {
        await using var server = await FakeModelServer.StartAsync((context, n) => FakeModelServer.Write(context, n < 3 ? "{}" : _safe, n < 3 ? status : 200));
        await using var guard = new RemoteGuard(Options(server));
        Assert.False((await guard.ClassifyAsync(Conversation.OfUser("text"))).Unsafe);
        Assert.Equal(3, server.Count);
    }

    [Fact]
    public async Task The_servers_own_wait_is_honoured()
    {
        var waited = new Stopwatch();
        await using var server = await FakeModelServer.StartAsync((context, n) =>
        {
            context.Response.Headers.RetryAfter = "1";
            waited.Start();
            if (n == 2)
                waited.Stop();
            return FakeModelServer.Write(context, n == 1 ? "{}" : _safe, n == 1 ? 429 : 200);
        });
        await using var guard = new RemoteGuard(Options(server));
        await guard.ClassifyAsync(Conversation.OfUser("text"));
        // Not before: timers are coarse, so a little less than a second counts.
        Assert.True(waited.Elapsed > TimeSpan.FromMilliseconds(950), $"{waited.Elapsed}");
    }

    [Fact]
    public async Task A_wait_longer_than_the_verdict_may_take_is_handed_to_the_caller()
    {
        await using var server = await FakeModelServer.StartAsync((context, _) =>
        {
            context.Response.Headers.RetryAfter = "120";
            return FakeModelServer.Write(context, "{}", 503);
        });
        await using var guard = new RemoteGuard(Options(server));
        var error = await Assert.ThrowsAsync<RemoteGuardException>(() => guard.ClassifyAsync(Conversation.OfUser("text")));
        Assert.Equal((true, TimeSpan.FromSeconds(120)), (error.IsTransient, error.RetryAfter));
        Assert.Equal(1, server.Count);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(404)]
    [InlineData(422)]
    [InlineData(302)]
    public async Task What_will_not_pass_is_asked_once_and_quotes_nothing(int status)
    {
        await using var server = await FakeModelServer.StartAsync("""{"error":{"message":"the prompt was: my secret text"}}""", status);
        await using var guard = new RemoteGuard(Options(server));
        var error = await Assert.ThrowsAsync<RemoteGuardException>(() => guard.ClassifyAsync(Conversation.OfUser("my secret text")));
        Assert.False(error.IsTransient);
        Assert.DoesNotContain("secret", error.ToString(), StringComparison.Ordinal);
        Assert.Equal(1, server.Count);
    }

    [Theory]
    [InlineData("""{"error":{"code":400,"message":"request (2402 tokens) exceeds the available context size (1024 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":2402,"n_ctx":1024}}""")]
    [InlineData("""{"object":"error","message":"This model's maximum context length is 1024 tokens. However, you requested 2402 tokens (2394 in the messages, 8 in the completion)."}""")]
    public async Task A_prompt_that_does_not_fit_is_told_with_both_numbers(string body)
    {
        await using var server = await FakeModelServer.StartAsync(body, 400);
        await using var guard = new RemoteGuard(Options(server));
        var error = await Assert.ThrowsAsync<ContextOverflowException>(() => guard.ClassifyAsync(Conversation.OfUser("text")));
        Assert.Equal((2402, 1024), (error.NeededTokens, error.AllowedTokens));
    }

    [Theory]
    [InlineData("")]
    [InlineData("<html>")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"choices":[]}""")]
    [InlineData("""{"choices":[{"text":null}]}""")]
    [InlineData("""{"choices":[{"text":5}]}""")]
    [InlineData("""{"choices":[{"text":"safe"},{"text":"safe"}]}""")]
    [InlineData("""{"choices":[{"text":"safe","logprobs":{"content":[{"token":5}]}}]}""")]
    [InlineData("""{"choices":[{"text":"safe","logprobs":{"content":[{"token":"safe","logprob":3,"top_logprobs":[]}]}}]}""")]
    [InlineData("""{"choices":[{"text":"safe","logprobs":{"tokens":["safe"],"token_logprobs":[-0.1],"top_logprobs":[]}}]}""")]
    [InlineData("""{"choices":[{"message":{"content":"safe"}}],"usage":{"prompt_tokens":1e99}}""")]
    public async Task Garbage_is_an_error_and_is_not_asked_for_again(string body)
    {
        await using var server = await FakeModelServer.StartAsync(body);
        await using var guard = new RemoteGuard(Options(server));
        var error = await Assert.ThrowsAsync<RemoteGuardException>(() => guard.ClassifyAsync(Conversation.OfUser("text")));
        Assert.False(error.IsTransient);
        Assert.Equal(1, server.Count);
    }

    [Fact]
    public async Task An_answer_without_end_is_cut()
    {
        await using var server = await FakeModelServer.StartAsync(async (context, _) =>
        {
            var block = new byte[1 << 16];
            while (!context.RequestAborted.IsCancellationRequested)
                await context.Response.Body.WriteAsync(block, context.RequestAborted);
        });
        await using var guard = new RemoteGuard(Options(server));
        await Assert.ThrowsAsync<RemoteGuardException>(() => guard.ClassifyAsync(Conversation.OfUser("text")));
    }

    [Fact]
    public async Task A_cut_connection_is_tried_again()
    {
        await using var server = await FakeModelServer.StartAsync(async (context, n) =>
        {
            if (n > 2)
            {
                await FakeModelServer.Write(context, _safe);
                return;
            }

            context.Response.ContentLength = 1000;
            await context.Response.WriteAsync("{\"choices\":[{\"text\":\"sa");
            await context.Response.Body.FlushAsync();
            context.Abort();
        });
        await using var guard = new RemoteGuard(Options(server));
        Assert.False((await guard.ClassifyAsync(Conversation.OfUser("text"))).Unsafe);
        Assert.Equal(3, server.Count);
    }

    [Fact]
    public async Task A_server_that_hangs_is_given_up()
    {
        await using var server = await FakeModelServer.StartAsync((context, _) => Task.Delay(Timeout.Infinite, context.RequestAborted));
        await using var guard = new RemoteGuard(Options(server, attemptSeconds: 0.2, retries: 1));
        var error = await Assert.ThrowsAsync<RemoteGuardException>(() => guard.ClassifyAsync(Conversation.OfUser("text")));
        Assert.True(error.IsTransient);
        Assert.Equal(2, server.Count);
    }

    [Fact]
    public async Task A_caller_that_leaves_takes_its_request_along()
    {
        var left = new TaskCompletionSource();
        var arrived = new TaskCompletionSource();
        await using var server = await FakeModelServer.StartAsync(async (context, _) =>
        {
            context.RequestAborted.Register(left.SetResult);
            arrived.SetResult();
            await left.Task;
        });
        await using var guard = new RemoteGuard(Options(server));
        using var leaving = new CancellationTokenSource();
        var verdict = guard.ClassifyAsync(Conversation.OfUser("text"), null, leaving.Token);
        await arrived.Task;
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => verdict);
        await left.Task;
        Assert.Equal(1, server.Count);
    }

    [Fact]
    public async Task A_server_that_keeps_failing_is_left_alone_for_a_while()
    {
        await using var server = await FakeModelServer.StartAsync("{}", 500);
        await using var guard = new RemoteGuard(Options(server, retries: 0, circuitSeconds: 3600));
        for (var i = 0; i < 10; i++)
            await Assert.ThrowsAsync<RemoteGuardException>(() => guard.ClassifyAsync(Conversation.OfUser("text")));
        var error = await Assert.ThrowsAsync<RemoteGuardException>(() => guard.ClassifyAsync(Conversation.OfUser("text")));
        Assert.Contains("left alone", error.Message, StringComparison.Ordinal);
        Assert.Equal(10, server.Count);
    }

    [Fact]
    public async Task A_busy_server_is_not_taken_for_a_broken_one()
    {
        await using var server = await FakeModelServer.StartAsync("{}", 429);
        await using var guard = new RemoteGuard(Options(server, retries: 0));
        for (var i = 0; i < 15; i++)
            await Assert.ThrowsAsync<RemoteGuardException>(() => guard.ClassifyAsync(Conversation.OfUser("text")));
        Assert.Equal(15, server.Count);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_an_error()
    {
        var server = await FakeModelServer.StartAsync(_safe);
        await using var guard = new RemoteGuard(Options(server, retries: 1));
        await server.DisposeAsync();
        var error = await Assert.ThrowsAsync<RemoteGuardException>(() => guard.ClassifyAsync(Conversation.OfUser("text")));
        Assert.True(error.IsTransient);
        Assert.Contains("cannot be reached", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_more_requests_than_allowed_are_under_way_and_few_may_wait()
    {
        using var gate = new SemaphoreSlim(0);
        var two = new TaskCompletionSource();
        var (now, most) = (0, 0);
        await using var server = await FakeModelServer.StartAsync(async (context, _) =>
        {
            var count = Interlocked.Increment(ref now);
            InterlockedMax(ref most, count);
            if (count == 2)
                two.TrySetResult();
            await gate.WaitAsync();
            Interlocked.Decrement(ref now);
            await FakeModelServer.Write(context, _safe);
        });
        await using var guard = new RemoteGuard(new RemoteGuardOptions
        {
            Endpoint = server.Address,
            Model = "guard",
            PromptVariant = PromptVariant.HuggingFace,
            MaxConcurrency = 2,
            QueueCapacity = 3,
        });
        Task<GuardSharp.Policies.Verdict>[] verdicts = [.. Enumerable.Range(0, 5).Select(_ => guard.ClassifyAsync(Conversation.OfUser("text")))];
        await Assert.ThrowsAsync<QueueFullException>(() => guard.ClassifyAsync(Conversation.OfUser("text")));
        await two.Task;
        gate.Release(5);
        await Task.WhenAll(verdicts);
        Assert.Equal(2, most);
    }

    private static void InterlockedMax(ref int target, int value)
    {
        for (var seen = Volatile.Read(ref target); value > seen; seen = Volatile.Read(ref target))
        {
            if (Interlocked.CompareExchange(ref target, value, seen) == seen)
                return;
        }
    }

    private static RemoteGuardOptions Options(FakeModelServer server, double attemptSeconds = 10, int retries = 3, double circuitSeconds = 5) => new()
    {
        Endpoint = server.Address,
        Model = "guard",
        PromptVariant = PromptVariant.HuggingFace,
        AttemptTimeoutSeconds = attemptSeconds,
        Retries = retries,
        CircuitBreakSeconds = circuitSeconds,
        RetryDelay = TimeSpan.FromMilliseconds(5),
    };
}
