using GuardSharp.Extensions.AI;
using Microsoft.Extensions.AI;

namespace GuardSharp.Tests.ExtensionsAI;

public sealed class GuardedStreamTests
{
    private static readonly GuardedChatOptions _words = new() { Window = new() { FirstCharacters = 1, Characters = 1, Growth = 0, MaxCharacters = 1 } };

    [Fact]
    public async Task Text_leaves_in_judged_pieces_and_the_rest_with_the_final_verdict()
    {
        var guard = FakeGuard.ThatRefuses("bomb");
        using var client = new GuardedChatClient(FakeChatClient.Saying("on", "e two", " three"), guard, _words);
        var updates = await client.GetStreamingResponseAsync("hello").ToListAsync();
        Assert.Equal(["one", " two", " three", ""], updates.Select(update => update.Text));
        Assert.All(updates, update => Assert.Equal(("m1", "r1"), (update.MessageId, update.ResponseId)));
        Assert.Equal((ChatFinishReason.Stop, 7L), (updates[^1].FinishReason, updates[^1].Contents.OfType<UsageContent>().Single().Details.OutputTokenCount));
        Assert.NotNull(updates.ToChatResponse().GetVerdict());
        Assert.Equal(["hello", "one", "one two", "one two three"], guard.Asked.Select(asked => FakeGuard.TextOf(asked.Conversation.Turns[^1])));
    }

    [Fact]
    public async Task What_follows_an_unsafe_beginning_is_held_and_the_whole_decides()
    {
        var guard = new FakeGuard(conversation => FakeGuard.TextOf(conversation.Turns[^1]).EndsWith("kill", StringComparison.Ordinal) ? 0.8 : 0.1);
        using var client = new GuardedChatClient(FakeChatClient.Saying("to ", "kill ", "a process"), guard, _words);
        Assert.Equal(["to", " kill a", " process", ""], (await client.GetStreamingResponseAsync("hello").ToListAsync()).Select(update => update.Text));
    }

    [Fact]
    public async Task Over_the_probability_to_stop_at_the_stream_is_ended_at_once()
    {
        var inner = FakeChatClient.Saying("to kill ", "a process", " is ", " easy");
        var guard = new FakeGuard(conversation => FakeGuard.TextOf(conversation.Turns[^1]).EndsWith("kill", StringComparison.Ordinal) ? 0.8 : 0.1);
        using var client = new GuardedChatClient(inner, guard, _words with { StopProbability = 0.8 });
        var ended = false;
        var texts = new List<string>();
        await foreach (var update in client.GetStreamingResponseAsync("hello"))
        {
            ended = inner.Ended;
            texts.Add(update.Text);
        }

        Assert.Equal(["to", "\n\nI can't help with that."], texts);
        Assert.True(ended && inner.Cancelled);
        Assert.Equal(1, inner.Read);
    }

    [Fact]
    public async Task A_blocked_answer_ends_with_the_refusal_in_a_message_of_its_own()
    {
        using var client = new GuardedChatClient(FakeChatClient.Saying("one two ", "bomb"), FakeGuard.ThatRefuses("bomb"), _words);
        var updates = await client.GetStreamingResponseAsync("hello").ToListAsync();
        Assert.Equal(["one two", "\n\nI can't help with that."], updates.Select(update => update.Text));
        Assert.Equal(ChatFinishReason.ContentFilter, updates[^1].FinishReason);
        Assert.NotEqual("m1", updates[^1].MessageId);
        Assert.Equal("r1", updates[^1].ResponseId);
        var response = updates.ToChatResponse();
        Assert.Equal((2, true, 0.9), (response.Messages.Count, response.IsBlocked(), response.GetVerdict()!.UnsafeProbability));
    }

    [Fact]
    public async Task A_short_unsafe_answer_is_the_refusal_alone()
    {
        using var client = new GuardedChatClient(FakeChatClient.Saying("", "bo", "mb"), FakeGuard.ThatRefuses("bomb"));
        GuardedResponseTests.AssertRefused(await client.GetStreamingResponseAsync("hello").ToChatResponseAsync(), "I can't help with that.", "output", "unsafe");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task When_the_guard_throws_in_the_middle_nothing_more_is_released(bool throws)
    {
        var inner = FakeChatClient.Saying("one ", "two ", "three ", "four ", "five");
        var guard = new FakeGuard(conversation => FakeGuard.TextOf(conversation.Turns[^1]).Contains("three", StringComparison.Ordinal) ? throw new IOException("three") : 0.1);
        using var client = new GuardedChatClient(inner, guard, _words with { ThrowOnGuardError = throws });
        var texts = new List<string>();
        async Task ReadAsync()
        {
            await foreach (var update in client.GetStreamingResponseAsync("hello"))
                texts.Add(update.Text);
        }

        if (throws)
            await Assert.ThrowsAsync<IOException>(ReadAsync);
        else
            await ReadAsync();
        Assert.Equal(throws ? ["one", " two"] : ["one", " two", "\n\nI can't help with that."], texts);
        Assert.True(inner.Ended && inner.Cancelled);
        Assert.Equal(3, inner.Read);
    }

    [Fact]
    public async Task The_inner_stream_is_not_read_ahead_of_the_guard()
    {
        var asked = new SemaphoreSlim(0);
        var answer = new SemaphoreSlim(0);
        var inner = FakeChatClient.Saying([.. Enumerable.Range(0, 100).Select(i => $"word{i} ")]);
        var guard = new FakeGuard(_ => 0.1)
        {
            Before = async (_, token) =>
            {
                asked.Release();
                await answer.WaitAsync(token);
            },
        };
        using var client = new GuardedChatClient(inner, guard, _words with { Filters = GuardFilters.Output });
        await using var updates = client.GetStreamingResponseAsync("hello").GetAsyncEnumerator();
        var next = updates.MoveNextAsync().AsTask();
        await asked.WaitAsync();
        Assert.Equal(1, inner.Read);
        answer.Release();
        Assert.True(await next);
        Assert.Equal(1, inner.Read);
    }

    [Fact]
    public async Task In_a_race_nothing_is_released_before_the_input_verdict()
    {
        var read = new TaskCompletionSource();
        var inner = new FakeChatClient(new ChatResponseUpdate(ChatRole.Assistant, "x"), FakeChatClient.Finish)
        {
            Before = (_, _) =>
            {
                read.TrySetResult();
                return Task.CompletedTask;
            },
        };
        var verdict = new TaskCompletionSource();
        var guard = new FakeGuard(_ => 0.9) { Before = (_, _) => verdict.Task };
        using var client = new GuardedChatClient(inner, guard, new() { RaceInput = true });
        await using var updates = client.GetStreamingResponseAsync("hello").GetAsyncEnumerator();
        var next = updates.MoveNextAsync().AsTask();
        await read.Task;
        Assert.False(next.IsCompleted);
        verdict.SetResult();
        Assert.True(await next);
        Assert.Equal(("I can't help with that.", ChatFinishReason.ContentFilter), (updates.Current.Text, updates.Current.FinishReason));
        // Cancelled before the refusal left, not only when its reader is done.
        Assert.True(inner.Cancelled);
        Assert.False(await updates.MoveNextAsync());
        Assert.True(inner.Cancelled && inner.Ended);
    }

    [Fact]
    public async Task In_a_race_a_model_that_does_not_stop_holds_nothing_up()
    {
        var inner = new FakeChatClient(FakeChatClient.Finish) { Before = (_, _) => Task.Delay(Timeout.Infinite, CancellationToken.None) };
        using var client = new GuardedChatClient(inner, FakeGuard.ThatRefuses("hello"), new() { RaceInput = true });
        Assert.True((await client.GetStreamingResponseAsync("hello").ToChatResponseAsync()).IsBlocked());
        Assert.True((await client.GetResponseAsync("hello")).IsBlocked());
    }

    [Fact]
    public async Task A_reader_who_leaves_ends_the_inner_stream()
    {
        var inner = FakeChatClient.Saying("one ", "two ", "three");
        using var client = new GuardedChatClient(inner, FakeGuard.ThatRefuses(), _words);
        await foreach (var _ in client.GetStreamingResponseAsync("hello"))
            break;
        Assert.True(inner.Ended && inner.Cancelled);
        Assert.Equal(1, inner.Read);
    }

    [Fact]
    public async Task A_model_that_breaks_off_releases_nothing_that_was_held()
    {
        var inner = new FakeChatClient(FakeChatClient.Saying("one two", "x").Answers[0]) { Before = (i, _) => i == 1 ? throw new IOException("cut") : Task.CompletedTask };
        using var client = new GuardedChatClient(inner, FakeGuard.ThatRefuses(), _words);
        var texts = new List<string>();
        await Assert.ThrowsAsync<IOException>(async () =>
        {
            await foreach (var update in client.GetStreamingResponseAsync("hello"))
                texts.Add(update.Text);
        });
        Assert.Equal(["one"], texts);
    }

    [Fact]
    public async Task Nothing_of_what_is_held_shows_in_raw_objects_or_properties()
    {
        var update = new ChatResponseUpdate(ChatRole.Assistant, "one two bomb") { RawRepresentation = "one two bomb", AdditionalProperties = new() { ["logprobs"] = "bomb" } };
        update.Contents[0].Annotations = [new CitationAnnotation { Snippet = "bomb" }];
        // Without any content to judge an update can still carry words in what the service sent.
        var usage = new ChatResponseUpdate(ChatRole.Assistant, [new UsageContent(new() { OutputTokenCount = 3 })]) { RawRepresentation = "bomb", AdditionalProperties = new() { ["logprobs"] = "bomb" } };
        using var client = new GuardedChatClient(new FakeChatClient(usage, update), FakeGuard.ThatRefuses("bomb"), _words with { Window = new() { FirstCharacters = 1, Characters = 1, Growth = 0, MaxCharacters = 1 } });
        var updates = await client.GetStreamingResponseAsync("hello").ToListAsync();
        Assert.Equal("I can't help with that.", updates[^1].Text.Trim());
        Assert.All(updates.SkipLast(1), released =>
        {
            Assert.Null(released.RawRepresentation);
            Assert.Null(released.AdditionalProperties);
            Assert.All(released.Contents, content => Assert.Null(content.Annotations));
        });
    }

    [Fact]
    public async Task Each_message_is_judged_with_those_before_it_and_tool_results_too()
    {
        var guard = FakeGuard.ThatRefuses();
        var inner = new FakeChatClient(
            new ChatResponseUpdate(ChatRole.Assistant, "I look.") { MessageId = "a" },
            new ChatResponseUpdate(ChatRole.Assistant, [new FunctionCallContent("c1", "search")]) { MessageId = "a", FinishReason = ChatFinishReason.ToolCalls },
            new ChatResponseUpdate(ChatRole.Tool, [new FunctionResultContent("c1", "found")]) { MessageId = "b" },
            new ChatResponseUpdate(ChatRole.Assistant, "Done.") { MessageId = "c", FinishReason = ChatFinishReason.Stop });
        using var client = new GuardedChatClient(inner, guard);
        var streamed = await client.GetStreamingResponseAsync("hello").ToListAsync();
        string[] expected = ["hello", "I look.\nsearch {}", "found", "Done."];
        Assert.Equal(expected, guard.Asked.Select(asked => FakeGuard.TextOf(asked.Conversation.Turns[^1])));
        Assert.Equal(4, guard.Asked.Last().Conversation.Turns.Count);
        Assert.Equal(["a", "a", "b", "c", "c"], streamed.Select(update => update.MessageId));
        Assert.Equal([typeof(TextContent), typeof(FunctionCallContent)], streamed[0].Contents.Select(content => content.GetType()));
        guard.Asked.Clear();
        await client.GetResponseAsync("hello");
        Assert.Equal(expected, guard.Asked.Select(asked => FakeGuard.TextOf(asked.Conversation.Turns[^1])));
    }

    [Fact]
    public async Task An_answer_over_the_limit_is_blocked()
    {
        using var client = new GuardedChatClient(FakeChatClient.Saying("one two three ", "four five six"), FakeGuard.ThatRefuses(), _words with { MaxOutputCharacters = 20 });
        GuardedResponseTests.AssertRefused(await client.GetResponseAsync("hello"), "I can't help with that.", "output", "output-too-long");
        var texts = (await client.GetStreamingResponseAsync("hello").ToListAsync()).Select(update => update.Text).ToList();
        Assert.DoesNotContain(texts, text => text.Contains("four", StringComparison.Ordinal));
    }
}
