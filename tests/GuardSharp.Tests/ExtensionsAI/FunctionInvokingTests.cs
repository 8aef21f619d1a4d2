using GuardSharp.Extensions.AI;
using Microsoft.Extensions.AI;

namespace GuardSharp.Tests.ExtensionsAI;

/// <summary>The guard outside the client that calls functions, and inside it: docs/chat.md, "Order".</summary>
public sealed class FunctionInvokingTests
{
    private static readonly AIFunction _search = AIFunctionFactory.Create(() => "result of the search", "search");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Outside_it_sees_the_user_and_what_comes_out_and_inside_each_call_of_the_model(bool streaming)
    {
        var outside = FakeGuard.ThatRefuses();
        await AskAsync(Inner().AsBuilder().UseGuard(outside).UseFunctionInvocation().Build(), streaming);
        Assert.Equal(["user: hello", "assistant: search {}", "tool: result of the search", "assistant: Found."], outside.Asked.Select(Last));

        var inside = FakeGuard.ThatRefuses();
        await AskAsync(Inner().AsBuilder().UseFunctionInvocation().UseGuard(inside).Build(), streaming);
        // The model is called twice: for the question, and with the result.
        Assert.Equal(["user: hello", "assistant: search {}", "tool: result of the search", "assistant: Found."], inside.Asked.Select(Last));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Inside_an_unsafe_result_never_reaches_the_model(bool streaming)
    {
        var model = Inner();
        var response = await AskAsync(model.AsBuilder().UseFunctionInvocation().UseGuard(FakeGuard.ThatRefuses("result")).Build(), streaming);
        Assert.Single(model.Asked);
        Assert.EndsWith("I can't help with that.", response.Text, StringComparison.Ordinal);
        Assert.Equal(ChatFinishReason.ContentFilter, response.FinishReason);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Outside_an_unsafe_result_has_been_read_by_the_model_but_does_not_leave(bool streaming)
    {
        var model = Inner();
        var response = await AskAsync(model.AsBuilder().UseGuard(FakeGuard.ThatRefuses("result")).UseFunctionInvocation().Build(), streaming);
        Assert.True(response.IsBlocked());
        Assert.DoesNotContain("Found", response.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(response.Messages.SelectMany(message => message.Contents), content => content is FunctionResultContent);
    }

    [Fact]
    public async Task Inside_an_unsafe_call_is_not_carried_out()
    {
        var called = false;
        var tool = AIFunctionFactory.Create(() => called = true, "search");
        using var client = Inner().AsBuilder().UseFunctionInvocation().UseGuard(FakeGuard.ThatRefuses("search {}")).Build();
        Assert.True((await client.GetResponseAsync("hello", new ChatOptions { Tools = [tool] })).IsBlocked());
        Assert.False(called);
    }

    private static FakeChatClient Inner() => new()
    {
        Answers =
        [
            [new(ChatRole.Assistant, [new FunctionCallContent("c1", "search")]) { MessageId = "m1", FinishReason = ChatFinishReason.ToolCalls }],
            [new(ChatRole.Assistant, "Found.") { MessageId = "m2", FinishReason = ChatFinishReason.Stop }],
        ],
    };

    private static async Task<ChatResponse> AskAsync(IChatClient client, bool streaming)
    {
        var options = new ChatOptions { Tools = [_search] };
        return streaming ? await client.GetStreamingResponseAsync("hello", options).ToChatResponseAsync() : await client.GetResponseAsync("hello", options);
    }

    private static string Last((GuardSharp.Conversations.Conversation Conversation, ClassifyOptions? Options) asked) =>
        $"{asked.Conversation.Turns[^1].Role.ToString().ToLowerInvariant()}: {FakeGuard.TextOf(asked.Conversation.Turns[^1])}";
}
