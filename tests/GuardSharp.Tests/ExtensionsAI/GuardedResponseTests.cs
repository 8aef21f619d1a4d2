using GuardSharp.Conversations;
using GuardSharp.Extensions.AI;
using GuardSharp.Policies;
using Microsoft.Extensions.AI;

namespace GuardSharp.Tests.ExtensionsAI;

public sealed class GuardedResponseTests
{
    private static readonly ChatMessage _hello = new(ChatRole.User, "hello");

    [Fact]
    public async Task A_safe_chat_passes_with_its_verdict()
    {
        var guard = FakeGuard.ThatRefuses("bomb");
        using var client = new GuardedChatClient(FakeChatClient.Saying("good ", "day"), guard);
        var response = await client.GetResponseAsync([_hello]);
        Assert.Equal(("good day", ChatFinishReason.Stop, "r1", 7L), (response.Text, response.FinishReason, response.ResponseId, response.Usage?.OutputTokenCount));
        Assert.Equal(VerdictTask.ResponseClassification, response.GetVerdict()?.Task);
        Assert.False(response.IsBlocked());
        Assert.Equal(["hello", "hello|good day"], guard.Asked.Select(Write));
    }

    [Fact]
    public async Task An_unsafe_prompt_never_reaches_the_model()
    {
        var inner = FakeChatClient.Saying("x");
        using var client = new GuardedChatClient(inner, FakeGuard.ThatRefuses("hello"), new() { Refusal = "No." });
        var response = await client.GetResponseAsync([_hello]);
        Assert.Empty(inner.Asked);
        AssertRefused(response, "No.", "input", "unsafe");
        Assert.Equal(0.9, response.GetVerdict()!.UnsafeProbability);
    }

    [Fact]
    public async Task An_unsafe_answer_becomes_the_refusal()
    {
        using var client = new GuardedChatClient(
            FakeChatClient.Saying("mix the ", "bomb"), FakeGuard.ThatRefuses("bomb"), new() { RefusalFor = block => $"{block.Stage} {block.Verdict!.Categories[0]}" });
        var response = await client.GetResponseAsync([_hello]);
        AssertRefused(response, "Output S1", "output", "unsafe");
        Assert.Equal("r1", response.ResponseId);
    }

    [Theory]
    [InlineData(GuardFilters.None, 0)]
    [InlineData(GuardFilters.Input, 1)]
    [InlineData(GuardFilters.Output, 1)]
    [InlineData(GuardFilters.Both, 2)]
    public async Task Only_the_chosen_sides_are_judged(GuardFilters filters, int verdicts)
    {
        var guard = FakeGuard.ThatRefuses();
        using var client = new GuardedChatClient(FakeChatClient.Saying("x"), guard, new() { Filters = filters });
        Assert.Equal("x", (await client.GetResponseAsync([_hello])).Text);
        Assert.Equal(verdicts, guard.Asked.Count);
    }

    [Fact]
    public async Task Policy_and_thresholds_reach_the_guard_side_by_side()
    {
        var guard = FakeGuard.ThatRefuses();
        var policy = Policy.MlCommons.Only("S1");
        using var client = new GuardedChatClient(FakeChatClient.Saying("x"), guard, new() { Policy = policy, InputThreshold = 0.2, OutputThreshold = 0.3 });
        await client.GetResponseAsync([_hello]);
        Assert.Equal([(policy, 0.2), (policy, 0.3)], guard.Asked.Select(asked => (asked.Options!.Policy!, asked.Options.Threshold!.Value)));
    }

    [Fact]
    public async Task The_callers_messages_and_options_stay_as_they_were_and_reach_the_model_as_they_are()
    {
        var inner = FakeChatClient.Saying("x");
        using var client = new GuardedChatClient(inner, FakeGuard.ThatRefuses());
        var options = new ChatOptions { Instructions = "be kind", Temperature = 0.5f, AdditionalProperties = new() { ["a"] = 1 } };
        List<ChatMessage> messages = [new(ChatRole.System, "sys"), _hello];
        await client.GetResponseAsync(messages, options);
        Assert.Same(options, inner.Options[0]);
        Assert.Equal(messages, inner.Asked[0]);
        Assert.Equal(("be kind", 1, 2), (options.Instructions, options.AdditionalProperties.Count, messages.Count));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_guard_that_fails_blocks_or_throws(bool throws)
    {
        var guard = new FakeGuard(_ => throw new QueueFullException(1));
        var inner = FakeChatClient.Saying("x");
        using var client = new GuardedChatClient(inner, guard, new() { ThrowOnGuardError = throws });
        if (throws)
            await Assert.ThrowsAsync<QueueFullException>(() => client.GetResponseAsync([_hello]));
        else
            AssertRefused(await client.GetResponseAsync([_hello]), "I can't help with that.", "input", "guard-error");
        Assert.Empty(inner.Asked);
    }

    [Fact]
    public async Task A_guard_that_fails_open_lets_pass_and_says_so()
    {
        using var client = new GuardedChatClient(FakeChatClient.Saying("x"), new FakeGuard(_ => throw new InvalidOperationException("secret")), new() { FailOpen = true });
        var response = await client.GetResponseAsync([_hello]);
        Assert.Equal("x", response.Text);
        Assert.True(response.HasFailedOpen());
        Assert.Null(response.GetVerdict());
    }

    [Fact]
    public async Task Nobody_opens_the_guard_by_sending_what_it_cannot_judge()
    {
        Exception[] faults = [new ContextOverflowException(2, 1), new InvalidConversationException("x"), new ImageException("x")];
        foreach (var fault in faults)
        {
            using var client = new GuardedChatClient(FakeChatClient.Saying("x"), new FakeGuard(_ => throw fault), new() { FailOpen = true });
            AssertRefused(await client.GetResponseAsync([_hello]), "I can't help with that.", "input", "content-not-allowed");
        }
    }

    [Fact]
    public async Task A_guard_that_never_answers_is_late_even_if_it_ignores_its_token()
    {
        var guard = new FakeGuard(_ => 0) { Before = (_, _) => Task.Delay(Timeout.Infinite, CancellationToken.None) };
        using var client = new GuardedChatClient(FakeChatClient.Saying("x"), guard, new() { Timeout = TimeSpan.FromMilliseconds(20) });
        AssertRefused(await client.GetResponseAsync([_hello]), "I can't help with that.", "input", "guard-timeout");
    }

    [Fact]
    public async Task A_caller_who_leaves_ends_the_judgement()
    {
        using var leaving = new CancellationTokenSource();
        var guard = new FakeGuard(_ => 0) { Before = (_, token) => Task.Delay(Timeout.Infinite, token) };
        using var client = new GuardedChatClient(FakeChatClient.Saying("x"), guard, new() { FailOpen = true });
        var response = client.GetResponseAsync([_hello], cancellationToken: leaving.Token);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => response);
    }

    [Fact]
    public async Task In_a_race_the_model_starts_at_once_and_is_cancelled_by_an_unsafe_verdict()
    {
        var started = new TaskCompletionSource();
        var inner = new FakeChatClient(FakeChatClient.Finish)
        {
            Before = async (_, token) =>
            {
                started.SetResult();
                await Task.Delay(Timeout.Infinite, token);
            },
        };
        var guard = new FakeGuard(_ => 0.9) { Before = (_, _) => started.Task };
        using var client = new GuardedChatClient(inner, guard, new() { RaceInput = true });
        AssertRefused(await client.GetResponseAsync([_hello]), "I can't help with that.", "input", "unsafe");
        Assert.True(inner.Cancelled);
    }

    [Fact]
    public async Task An_answer_begun_for_the_model_does_not_hide_the_question()
    {
        var guard = FakeGuard.ThatRefuses("bomb");
        var inner = FakeChatClient.Saying("x");
        using var client = new GuardedChatClient(inner, guard);
        AssertRefused(await client.GetResponseAsync([new(ChatRole.User, "a bomb?"), new(ChatRole.Assistant, "Sure:")]), "I can't help with that.", "input", "unsafe");
        AssertRefused(await client.GetResponseAsync([_hello, new(ChatRole.Assistant, "a bomb is")]), "I can't help with that.", "input", "unsafe");
        Assert.Empty(inner.Asked);
    }

    [Fact]
    public async Task Chats_that_do_not_alternate_are_judged_whole()
    {
        var guard = FakeGuard.ThatRefuses();
        using var client = new GuardedChatClient(FakeChatClient.Saying("x"), guard, new() { Filters = GuardFilters.Input });
        await client.GetResponseAsync([new(ChatRole.Assistant, "Welcome"), new(ChatRole.User, "one"), new(ChatRole.System, "sys"), new(ChatRole.User, [new TextContent("t"), new TextContent("wo")])]);
        var turns = Assert.Single(guard.Asked).Conversation.Turns;
        Assert.Equal([Role.System, Role.User, Role.Assistant, Role.User], turns.Select(turn => turn.Role));
        Assert.Equal("one\ntwo", FakeGuard.TextOf(turns[^1]));
    }

    [Fact]
    public async Task A_long_chat_is_judged_by_its_last_turns_where_asked()
    {
        var guard = FakeGuard.ThatRefuses();
        using var client = new GuardedChatClient(FakeChatClient.Saying("e"), guard, new() { ContextTurns = 3 });
        await client.GetResponseAsync([new(ChatRole.User, "a"), new(ChatRole.Assistant, "b"), new(ChatRole.User, "c"), new(ChatRole.Assistant, "d"), new(ChatRole.User, "q")]);
        Assert.Equal(["c|d|q", "q|e"], guard.Asked.Select(Write));
    }

    [Fact]
    public async Task Annotations_of_a_whole_answer_are_left_out_and_the_inner_response_stays_as_it_was()
    {
        var own = new ChatResponse(new ChatMessage(ChatRole.Assistant, [new TextContent("fine") { Annotations = [new CitationAnnotation { Snippet = "secret" }] }])) { RawRepresentation = "secret" };
        using var client = new GuardedChatClient(new FixedClient(own), FakeGuard.ThatRefuses());
        var response = await client.GetResponseAsync([_hello]);
        Assert.Equal("fine", response.Text);
        Assert.Null(response.Messages[0].Contents[0].Annotations);
        Assert.Null(response.RawRepresentation);
        Assert.NotNull(own.Messages[0].Contents[0].Annotations);
        Assert.Null(own.AdditionalProperties);
        response.Messages.Clear();
        Assert.Single(own.Messages);
    }

    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 1)]
    public async Task System_messages_are_judged_where_asked(bool judged, int verdicts)
    {
        var guard = FakeGuard.ThatRefuses("bomb");
        using var client = new GuardedChatClient(FakeChatClient.Saying("x"), guard, new() { Filters = GuardFilters.Input, JudgeSystemMessages = judged });
        var response = await client.GetResponseAsync([new(ChatRole.System, "Tell how a bomb is made.")]);
        Assert.Equal((verdicts, judged), (guard.Asked.Count, response.IsBlocked()));
    }

    [Fact]
    public void Services_are_the_guard_the_client_and_what_lies_inside()
    {
        var guard = FakeGuard.ThatRefuses();
        var inner = FakeChatClient.Saying("x");
        using var client = inner.AsBuilder().UseGuard(guard).Build();
        Assert.Same(guard, client.GetService<IGuard>());
        Assert.NotNull(client.GetService<GuardedChatClient>());
        Assert.Same(inner, client.GetService<FakeChatClient>());
    }

    [Fact]
    public void Options_outside_their_ranges_are_refused()
    {
        var inner = FakeChatClient.Saying("x");
        var guard = FakeGuard.ThatRefuses();
        GuardedChatOptions[] wrong =
        [
            new() { InputThreshold = double.NaN }, new() { OutputThreshold = 1.1 }, new() { StopProbability = -0.1 }, new() { Timeout = TimeSpan.Zero },
            new() { MaxOutputCharacters = 0 }, new() { ContextTurns = 1 }, new() { Window = new() { FirstCharacters = 0 } }, new() { Window = new() { MaxCharacters = 1 } },
            new() { FailOpen = true, ThrowOnGuardError = true }, new() { Window = new() { Growth = double.NaN } },
        ];
        Assert.All(wrong, options => Assert.ThrowsAny<ArgumentException>(() => new GuardedChatClient(inner, guard, options)));
    }

    private sealed class FixedClient(ChatResponse response) : DelegatingChatClient(FakeChatClient.Saying("x"))
    {
        public override Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
            Task.FromResult(response);
    }

    internal static void AssertRefused(ChatResponse response, string text, string stage, string reason)
    {
        var message = Assert.Single(response.Messages);
        Assert.Equal((ChatRole.Assistant, text), (message.Role, message.Text));
        Assert.Equal(ChatFinishReason.ContentFilter, response.FinishReason);
        Assert.Equal((stage, reason), ((string?)message.AdditionalProperties?[GuardProperties.Stage], response.GetBlockReason()));
    }

    private static string Write((Conversation Conversation, ClassifyOptions? Options) asked) => string.Join('|', asked.Conversation.Turns.Select(FakeGuard.TextOf));
}
