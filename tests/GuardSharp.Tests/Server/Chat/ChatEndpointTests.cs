using System.ClientModel;
using System.Net;
using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Policies;
using GuardSharp.Server.Audit;
using GuardSharp.Tests.ExtensionsAI;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using OpenAI;
using OpenAI.Chat;

namespace GuardSharp.Tests.Server.Chat;

public sealed class ChatEndpointTests
{
    private const string Path = "/v1/guard/chat";

    [Fact]
    public async Task A_safe_chat_passes_and_says_so()
    {
        await using var upstream = await FakeUpstream.SayingAsync("good day");
        await using var server = await StartAsync(upstream, FakeGuard.ThatRefuses("bomb"));
        var (status, body) = await server.PostAsync(Path, Ask("hello"));
        Assert.Equal(HttpStatusCode.OK, status);
        var choice = body.GetProperty("choices")[0];
        Assert.Equal(("good day", "assistant", "stop"), (choice.GetProperty("message").GetProperty("content").GetString(), choice.GetProperty("message").GetProperty("role").GetString(), choice.GetProperty("finish_reason").GetString()));
        Assert.Equal(("upstream-model", 7), (body.GetProperty("model").GetString(), body.GetProperty("usage").GetProperty("total_tokens").GetInt32()));
        Assert.False(body.GetProperty("guard").GetProperty("blocked").GetBoolean());
        Assert.StartsWith("modr-", body.GetProperty("guard").GetProperty("decision_id").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a bomb", "fine", "input", 0)]
    [InlineData("hello", "a bomb", "output", 1)]
    public async Task What_is_unsafe_is_a_refusal_with_the_verdict(string question, string answer, string stage, int asked)
    {
        await using var upstream = await FakeUpstream.SayingAsync(answer);
        await using var server = await StartAsync(upstream, FakeGuard.ThatRefuses("bomb"), ("GuardSharp:Chat:Refusal", "No."));
        var (status, body) = await server.PostAsync(Path, Ask(question));
        Assert.Equal(HttpStatusCode.OK, status);
        var choice = body.GetProperty("choices")[0];
        Assert.Equal(("No.", "content_filter"), (choice.GetProperty("message").GetProperty("content").GetString(), choice.GetProperty("finish_reason").GetString()));
        var guard = body.GetProperty("guard");
        Assert.Equal((true, stage, "unsafe", 0.9), (guard.GetProperty("blocked").GetBoolean(), guard.GetProperty("stage").GetString(), guard.GetProperty("reason").GetString(), guard.GetProperty("unsafe_probability").GetDouble()));
        Assert.Equal(asked, upstream.Asked.Count);
    }

    [Fact]
    public async Task The_OpenAI_client_talks_to_it_whole_and_streamed()
    {
        await using var upstream = await FakeUpstream.SayingAsync("one ", "two ", "three");
        await using var server = await StartAsync(upstream, FakeGuard.ThatRefuses("bomb"));
        var client = Client(server);
        ChatCompletion whole = await client.CompleteChatAsync("hello");
        Assert.Equal(("one two three", ChatFinishReason.Stop), (whole.Content[0].Text, whole.FinishReason));
        var text = "";
        ChatFinishReason? finish = null;
        await foreach (var update in client.CompleteChatStreamingAsync("hello"))
        {
            text += string.Concat(update.ContentUpdate.Select(part => part.Text));
            finish = update.FinishReason ?? finish;
        }

        Assert.Equal(("one two three", ChatFinishReason.Stop), (text, finish));
    }

    [Fact]
    public async Task A_stream_ends_in_the_refusal_and_the_upstream_is_left()
    {
        await using var upstream = await FakeUpstream.StartAsync(async context =>
        {
            for (var i = 0; ; i++)
            {
                await FakeUpstream.SendAsync(context, new { content = i == 20 ? "a bomb " : $"word{i} " }, null);
                context.RequestAborted.ThrowIfCancellationRequested();
                await Task.Delay(2, context.RequestAborted);
            }
        });
        await using var server = await StartAsync(upstream, FakeGuard.ThatRefuses("bomb"), ("GuardSharp:Chat:StopProbability", "0.8"));
        var text = "";
        ChatFinishReason? finish = null;
        await foreach (var update in Client(server).CompleteChatStreamingAsync("hello"))
        {
            text += string.Concat(update.ContentUpdate.Select(part => part.Text));
            finish = update.FinishReason ?? finish;
        }

        Assert.StartsWith("word0 word1", text, StringComparison.Ordinal);
        Assert.EndsWith("\n\nI can't help with that.", text, StringComparison.Ordinal);
        Assert.DoesNotContain("bomb", text, StringComparison.Ordinal);
        Assert.Equal(ChatFinishReason.ContentFilter, finish);
        await upstream.Left.Task.WaitAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Pictures_tools_calls_and_results_go_up_and_come_back()
    {
        await using var upstream = await FakeUpstream.StartAsync(context => context.Response.WriteAsync(FakeUpstream.Whole(
            new { role = "assistant", content = (string?)null, tool_calls = (object[])[new { id = "c9", type = "function", function = new { name = "search", arguments = """{"q":"cats"}""" } }] }, "tool_calls")));
        var guard = FakeGuard.ThatRefuses("bomb");
        await using var server = await StartAsync(upstream, guard);
        var (status, body) = await server.PostAsync(Path, """
            {"model":"m","temperature":0.5,"max_tokens":9,"stop":["x"],"tool_choice":"auto","tools":[{"type":"function","function":{"name":"search","description":"finds","parameters":{"type":"object","properties":{"q":{"type":"string"}}}}}],
             "messages":[{"role":"system","content":"be kind"},
              {"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AQID"}}]},
              {"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"search","arguments":"{\"q\":\"dogs\"}"}}]},
              {"role":"tool","tool_call_id":"c1","content":"two dogs"}]}
            """);
        Assert.Equal(HttpStatusCode.OK, status);
        var call = body.GetProperty("choices")[0].GetProperty("message").GetProperty("tool_calls")[0];
        Assert.Equal(("c9", "search", """{"q":"cats"}""", "tool_calls"), (call.GetProperty("id").GetString(), call.GetProperty("function").GetProperty("name").GetString(), call.GetProperty("function").GetProperty("arguments").GetString(), body.GetProperty("choices")[0].GetProperty("finish_reason").GetString()));

        var sent = Assert.Single(upstream.Asked);
        Assert.Equal(["system", "user", "assistant", "tool"], sent.GetProperty("messages").EnumerateArray().Select(message => message.GetProperty("role").GetString()!));
        Assert.Equal(("search", 0.5, "m"), (sent.GetProperty("tools")[0].GetProperty("function").GetProperty("name").GetString(), sent.GetProperty("temperature").GetDouble(), sent.GetProperty("model").GetString()));
        Assert.Equal([Role.User, Role.Assistant, Role.Tool, Role.Assistant], guard.Asked.Last().Conversation.Turns.Select(turn => turn.Role));
        Assert.Single(guard.Asked.First().Conversation.Turns[0].Parts.OfType<ImagePart>());
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.org/x.png"}}]}],"model":"m"}""")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"","format":"wav"}}]}],"model":"m"}""")]
    [InlineData("""{"messages":[{"role":"user","content":"hello"}],"model":"m","logprobs":true}""")]
    [InlineData("""{"messages":[{"role":"user","content":"hello"}],"model":"m","n":2}""")]
    [InlineData("""{"messages":[{"role":"user","content":"hello"}]}""")]
    [InlineData("""{"messages":[{"role":"critic","content":"hello"}],"model":"m"}""")]
    [InlineData("""{"messages":[],"model":"m"}""")]
    [InlineData("""{"messages":[{"role":"tool","content":"x"}],"model":"m"}""")]
    [InlineData("""{"messages":[{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":"[1]"}}]}],"model":"m"}""")]
    [InlineData("""{"messages":[{"role":"user","content":"hello"}],"model":"m","seed":1.5}""")]
    [InlineData("""{"messages":[{"role":"user","content":"hello"}],"model":"m","tools":[{"type":"web_search"}]}""")]
    public async Task A_request_that_cannot_be_guarded_is_an_error_and_never_goes_up(string json)
    {
        await using var upstream = await FakeUpstream.SayingAsync("x");
        await using var server = await StartAsync(upstream, FakeGuard.ThatRefuses());
        var (status, body) = await server.PostAsync(Path, json);
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("invalid_request_error", body.GetProperty("error").GetProperty("type").GetString());
        Assert.Empty(upstream.Asked);
    }

    [Fact]
    public async Task System_messages_are_judged_unless_configuration_trusts_them()
    {
        await using var upstream = await FakeUpstream.SayingAsync("x");
        const string Json = """{"model":"m","messages":[{"role":"system","content":"tell of the bomb"},{"role":"user","content":"hello"}]}""";
        await using var server = await StartAsync(upstream, FakeGuard.ThatRefuses("bomb"));
        Assert.True((await server.PostAsync(Path, Json)).Body.GetProperty("guard").GetProperty("blocked").GetBoolean());
        await using var trusting = await StartAsync(upstream, FakeGuard.ThatRefuses("bomb"), ("GuardSharp:Chat:JudgeSystemMessages", "false"));
        Assert.False((await trusting.PostAsync(Path, Json)).Body.GetProperty("guard").GetProperty("blocked").GetBoolean());
    }

    [Theory]
    [InlineData(""" "tools":[{"type":"function","function":{"name":"f","description":"tell of the bomb"}}] """)]
    [InlineData(""" "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"bomb":{"type":"string"}}}}}] """)]
    [InlineData(""" "response_format":{"type":"json_schema","json_schema":{"name":"n","description":"a bomb","schema":{"type":"object"}}} """)]
    [InlineData(""" "stop":["bomb"] """)]
    public async Task What_a_request_says_beside_its_messages_is_judged_as_well(string said)
    {
        await using var upstream = await FakeUpstream.SayingAsync("x");
        await using var server = await StartAsync(upstream, FakeGuard.ThatRefuses("bomb"));
        var (_, body) = await server.PostAsync(Path, $$"""{"model":"m","messages":[{"role":"user","content":"hello"}],{{said}}}""");
        Assert.True(body.GetProperty("guard").GetProperty("blocked").GetBoolean());
        Assert.Empty(upstream.Asked);
    }

    [Fact]
    public async Task An_upstream_says_nothing_in_ids_and_names()
    {
        await using var upstream = await FakeUpstream.StartAsync(context => context.Response.WriteAsync(FakeUpstream.Whole(
            new { role = "assistant", content = (string?)null, tool_calls = (object[])[new { id = "c9 how to build a bomb", type = "function", function = new { name = "search", arguments = "{}" } }] }, "tool_calls")));
        await using var server = await StartAsync(upstream, FakeGuard.ThatRefuses("nothing"));
        var (_, body) = await server.PostAsync(Path, Ask("hello"));
        Assert.DoesNotContain("bomb", body.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_judgement_is_in_the_record_under_the_callers_name()
    {
        await using var upstream = await FakeUpstream.SayingAsync("good day");
        var log = new KeptDecisions();
        await using var server = await TestServer.StartAsync(
            builder => builder.Services.AddSingleton<IDecisionLog>(log),
            ("GuardSharp:Chat:UpstreamUrl", upstream.Url), ("GuardSharp:Models:tiny:Threads", "1"));
        var (status, body) = await server.PostAsync(Path, Ask("What is the capital of France?"));
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal([VerdictTask.PromptClassification, VerdictTask.ResponseClassification], log.Kept.Select(decision => decision.Verdict.Task));
        Assert.All(log.Kept, decision => Assert.Equal((Path, "anonymous"), (decision.Endpoint, decision.Caller)));
        Assert.Equal(log.Kept.Last().Id, body.GetProperty("guard").GetProperty("decision_id").GetString());
        Assert.StartsWith("guardsharp-tiny@", body.GetProperty("guard").GetProperty("model").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_model_than_the_configured_one_and_a_server_without_one_are_404()
    {
        await using var upstream = await FakeUpstream.SayingAsync("x");
        await using var server = await StartAsync(upstream, FakeGuard.ThatRefuses(), ("GuardSharp:Chat:Model", "llama"));
        Assert.Equal(HttpStatusCode.NotFound, (await server.PostAsync(Path, Ask("hello"))).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync(Path, Ask("hello", "llama"))).Status);
        await using var bare = await TestServer.StartAsync(FakeGuard.ThatRefuses());
        Assert.Equal("chat_not_configured", (await bare.PostAsync(Path, Ask("hello"))).Body.GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task A_key_without_the_right_is_refused()
    {
        await using var upstream = await FakeUpstream.SayingAsync("x");
        var hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("secret"u8));
        await using var server = await StartAsync(upstream, FakeGuard.ThatRefuses(), ("GuardSharp:Keys:a:Sha256", hash), ("GuardSharp:Keys:a:Rights", "Classify"));
        Assert.Equal(HttpStatusCode.Forbidden, (await server.PostAsync(Path, Ask("hello"), "secret")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.PostAsync(Path, Ask("hello"))).Status);
    }

    internal static Task<TestServer> StartAsync(FakeUpstream upstream, IGuard guard, params (string Key, string? Value)[] settings) =>
        TestServer.StartAsync(guard, [("GuardSharp:Chat:UpstreamUrl", upstream.Url), ("GuardSharp:Chat:UpstreamRetries", "0"), .. settings]);

    internal static string Ask(string text, string model = "m", bool stream = false) =>
        JsonSerializer.Serialize(new { model, stream, messages = (object[])[new { role = "user", content = text }] });

    private sealed class KeptDecisions : IDecisionLog
    {
        public System.Collections.Concurrent.ConcurrentQueue<Decision> Kept { get; } = [];

        public ValueTask RecordAsync(Decision decision, CancellationToken cancellationToken)
        {
            Kept.Enqueue(decision);
            return ValueTask.CompletedTask;
        }
    }

    private static ChatClient Client(TestServer server) =>
        new("m", new ApiKeyCredential("none"), new OpenAIClientOptions { Endpoint = new Uri(server.Client.BaseAddress!, "/v1/guard") });
}
