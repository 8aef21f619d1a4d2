using GuardSharp.Conversations;
using GuardSharp.Extensions.AI;
using Microsoft.Extensions.AI;

namespace GuardSharp.Tests.ExtensionsAI;

public sealed class GuardedContentTests
{
    private static readonly byte[] _bytes = [1, 2, 3];

    public static TheoryData<string> Refused => ["audio", "pdf", "uri", "file", "code"];

    [Theory, MemberData(nameof(Refused))]
    public async Task Content_that_cannot_be_judged_is_refused_on_both_sides(string kind)
    {
        var inner = new FakeChatClient(new ChatResponseUpdate(ChatRole.Assistant, [Content(kind)]));
        using var client = new GuardedChatClient(inner, FakeGuard.ThatRefuses());
        GuardedResponseTests.AssertRefused(await client.GetResponseAsync([new(ChatRole.User, [Content(kind)])]), "I can't help with that.", "input", "content-not-allowed");
        Assert.Empty(inner.Asked);
        GuardedResponseTests.AssertRefused(await client.GetResponseAsync("hello"), "I can't help with that.", "output", "content-not-allowed");
        GuardedResponseTests.AssertRefused(await client.GetStreamingResponseAsync("hello").ToChatResponseAsync(), "I can't help with that.", "output", "content-not-allowed");
    }

    [Fact]
    public async Task Failing_open_does_not_let_unknown_content_pass()
    {
        using var client = new GuardedChatClient(FakeChatClient.Saying("x"), FakeGuard.ThatRefuses(), new() { FailOpen = true });
        Assert.True((await client.GetResponseAsync([new(ChatRole.User, [Content("audio")])])).IsBlocked());
    }

    [Fact]
    public async Task What_the_options_allow_passes_unjudged()
    {
        var inner = FakeChatClient.Saying("x");
        using var client = new GuardedChatClient(inner, FakeGuard.ThatRefuses(), new() { AllowUriContent = true, AllowUnjudged = content => content is HostedFileContent });
        Assert.Equal("x", (await client.GetResponseAsync([new(ChatRole.User, [Content("uri"), Content("file"), new TextContent("what is this?")])])).Text);
        Assert.True((await client.GetResponseAsync([new(ChatRole.User, [Content("audio")])])).IsBlocked());
    }

    [Fact]
    public async Task Pictures_calls_results_and_reasoning_become_parts()
    {
        var guard = FakeGuard.ThatRefuses();
        using var client = new GuardedChatClient(FakeChatClient.Saying("fine"), guard);
        var call = new FunctionCallContent("c1", "search", new Dictionary<string, object?> { ["q"] = "cats" });
        await client.GetResponseAsync(
        [
            new(ChatRole.User, [new DataContent(_bytes, "image/png"), new TextContent("look")]),
            new(ChatRole.Assistant, [new TextReasoningContent("hm"), call]),
            new(ChatRole.Tool, [new FunctionResultContent("c1", "two cats"), new FunctionResultContent("c2", new { Count = 2 })]),
        ]);
        var turns = guard.Asked.Last().Conversation.Turns;
        Assert.Equal([Role.User, Role.Assistant, Role.Tool, Role.Assistant], turns.Select(turn => turn.Role));
        Assert.Equal(_bytes, Assert.IsType<ImagePart>(turns[0].Parts[0]).Data.ToArray());
        Assert.Equal([new TextPart("hm"), new ToolCallPart("search", """{"q":"cats"}""")], turns[1].Parts);
        Assert.Equal("two cats\n{\"count\":2}", FakeGuard.TextOf(turns[2]));
    }

    [Fact]
    public async Task An_unsafe_tool_result_is_blocked_unless_results_are_left_out()
    {
        ChatMessage[] messages = [new(ChatRole.User, "go"), new(ChatRole.Assistant, [new FunctionCallContent("c1", "f")]), new(ChatRole.Tool, [new FunctionResultContent("c1", "a bomb")])];
        using var client = new GuardedChatClient(FakeChatClient.Saying("x"), FakeGuard.ThatRefuses("bomb"));
        GuardedResponseTests.AssertRefused(await client.GetResponseAsync(messages), "I can't help with that.", "input", "unsafe");
        using var blind = new GuardedChatClient(FakeChatClient.Saying("x"), FakeGuard.ThatRefuses("bomb"), new() { IncludeToolResults = false });
        Assert.Equal("x", (await blind.GetResponseAsync(messages)).Text);
    }

    [Fact]
    public async Task A_tool_call_of_the_model_is_judged()
    {
        var call = new FunctionCallContent("c1", "shell", new Dictionary<string, object?> { ["command"] = "make a bomb" });
        using var client = new GuardedChatClient(new FakeChatClient(new ChatResponseUpdate(ChatRole.Assistant, [call])), FakeGuard.ThatRefuses("bomb"));
        Assert.True((await client.GetResponseAsync("hello")).IsBlocked());
        var updates = await client.GetStreamingResponseAsync("hello").ToListAsync();
        Assert.DoesNotContain(updates.SelectMany(update => update.Contents), content => content is FunctionCallContent);
    }

    [Theory]
    [InlineData(ReasoningTreatment.Judge, true)]
    [InlineData(ReasoningTreatment.Withhold, false)]
    public async Task Reasoning_is_judged_or_left_out(ReasoningTreatment treatment, bool judged)
    {
        FakeChatClient Inner(string thought) => new(
            new ChatResponseUpdate(ChatRole.Assistant, [new TextReasoningContent(thought)]), new ChatResponseUpdate(ChatRole.Assistant, "fine"));
        using var client = new GuardedChatClient(Inner("about the bomb"), FakeGuard.ThatRefuses("bomb"), new() { Reasoning = treatment });
        Assert.Equal(judged, (await client.GetResponseAsync("hello")).IsBlocked());
        Assert.Equal(judged, (await client.GetStreamingResponseAsync("hello").ToChatResponseAsync()).IsBlocked());
        using var kind = new GuardedChatClient(Inner("kindly"), FakeGuard.ThatRefuses("bomb"), new() { Reasoning = treatment });
        var response = await kind.GetStreamingResponseAsync("hello").ToChatResponseAsync();
        Assert.Equal(judged, response.Messages[0].Contents.Any(content => content is TextReasoningContent { Text: "kindly" }));
        Assert.Equal("fine", response.Text);
    }

    [Fact]
    public async Task A_continuation_token_is_refused()
    {
        using var client = new GuardedChatClient(FakeChatClient.Saying("x"), FakeGuard.ThatRefuses());
        var options = new ChatOptions { ContinuationToken = ResponseContinuationToken.FromBytes(_bytes) };
        await Assert.ThrowsAsync<GuardException>(() => client.GetResponseAsync("hello", options));
    }

    private static AIContent Content(string kind) => kind switch
    {
        "audio" => new DataContent(_bytes, "audio/wav"),
        "pdf" => new DataContent(_bytes, "application/pdf"),
        "uri" => new UriContent("https://example.org/cat.png", "image/png"),
        "file" => new HostedFileContent("file-1"),
        _ => new CodeInterpreterToolResultContent("call-1"),
    };
}
