using System.Text.Json;
using GuardSharp.Conversations;

namespace GuardSharp.Tests.Server.Endpoints;

public sealed class ChatCompletionEndpointTests
{
    private const string Path = "/v1/chat/completions";

    [Fact]
    public async Task The_guards_words_are_the_assistants_message()
    {
        await using var server = await FormServer.StartAsync(new RecordingGuard());
        var answer = await server.GetAnswerAsync(Path, """{"model":"Llama-Guard","messages":[{"role":"user","content":"a bomb"}],"max_tokens":10,"temperature":0}""");
        Assert.Equal("chat.completion", answer.GetProperty("object").GetString());
        Assert.Equal("recording@0123456789ab", answer.GetProperty("model").GetString());
        var choice = Assert.Single(answer.GetProperty("choices").EnumerateArray());
        Assert.Equal("unsafe\nS1,S9", choice.GetProperty("message").GetProperty("content").GetString());
        Assert.Equal("assistant", choice.GetProperty("message").GetProperty("role").GetString());
        Assert.Equal("stop", choice.GetProperty("finish_reason").GetString());
        Assert.Equal(JsonValueKind.Null, choice.GetProperty("logprobs").ValueKind);
        Assert.Equal((100, 5, 105), Usage(answer));
        answer = await server.GetAnswerAsync(Path, """{"messages":[{"role":"user","content":"hello"}]}""");
        Assert.Equal("safe", answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString());
        Assert.Equal((100, 1, 101), Usage(answer));
    }

    [Fact]
    public async Task Unsafe_without_a_category_is_one_word()
    {
        await using var server = await FormServer.StartAsync(new RecordingGuard { Found = [] });
        var answer = await server.GetAnswerAsync(Path, """{"messages":[{"role":"user","content":"bomb"}]}""");
        Assert.Equal("unsafe", answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString());
    }

    [Fact]
    public async Task The_last_message_decides_what_is_judged()
    {
        var guard = new RecordingGuard();
        await using var server = await FormServer.StartAsync(guard);
        await server.GetAnswerAsync(Path, """{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"refusal":"I will not."}]}""");
        Assert.Equal(Role.Assistant, guard.Single.Turns[^1].Role);
        Assert.Equal("I will not.", Assert.IsType<TextPart>(guard.Single.Turns[^1].Parts[0]).Text);
    }

    [Fact]
    public async Task Probabilities_of_the_verdict_token_are_those_of_the_verdict()
    {
        await using var server = await FormServer.StartAsync(new RecordingGuard());
        var answer = await server.GetAnswerAsync(Path, """{"messages":[{"role":"user","content":"a bomb"}],"logprobs":true,"top_logprobs":5}""");
        var tokens = answer.GetProperty("choices")[0].GetProperty("logprobs").GetProperty("content").EnumerateArray().ToArray();
        Assert.Equal(["unsafe", "\n", "S1", ",", "S9"], tokens.Select(token => token.GetProperty("token").GetString()!));
        Assert.Equal(Math.Log(0.9), tokens[0].GetProperty("logprob").GetDouble(), 1e-12);
        Assert.Equal([117, 110, 115, 97, 102, 101], tokens[0].GetProperty("bytes").EnumerateArray().Select(b => b.GetInt32()));
        var top = tokens[0].GetProperty("top_logprobs").EnumerateArray().ToArray();
        Assert.Equal(["unsafe", "safe"], top.Select(token => token.GetProperty("token").GetString()!));
        Assert.Equal(Math.Log(0.1), top[1].GetProperty("logprob").GetDouble(), 1e-12);
        // S9 is in the list of five in nine unsafe answers.
        Assert.Equal(Math.Log(0.5 / 0.9), tokens[4].GetProperty("logprob").GetDouble(), 1e-12);
    }

    [Fact]
    public async Task A_verdict_below_one_half_puts_the_likelier_word_first()
    {
        await using var server = await FormServer.StartAsync(new RecordingGuard { UnsafeProbability = 0 });
        var answer = await server.GetAnswerAsync(Path, """{"messages":[{"role":"user","content":"a bomb"}],"logprobs":true,"top_logprobs":2}""");
        var token = answer.GetProperty("choices")[0].GetProperty("logprobs").GetProperty("content")[0];
        Assert.Equal("unsafe", token.GetProperty("token").GetString());
        Assert.Equal(-9999, token.GetProperty("logprob").GetDouble());
        Assert.Equal("safe", token.GetProperty("top_logprobs")[0].GetProperty("token").GetString());
    }

    [Fact]
    public async Task A_stream_is_one_chunk_of_content_one_that_ends_it_and_done()
    {
        await using var server = await FormServer.StartAsync(new RecordingGuard());
        var text = await server.GetTextAsync(Path, """{"messages":[{"role":"user","content":"a bomb"}],"stream":true,"stream_options":{"include_usage":true}}""");
        var events = text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.All(events, line => Assert.StartsWith("data: ", line, StringComparison.Ordinal));
        Assert.Equal("data: [DONE]", events[^1]);
        var chunks = events[..^1].Select(line => JsonDocument.Parse(line[6..]).RootElement).ToArray();
        Assert.Equal(3, chunks.Length);
        Assert.Single(chunks.Select(chunk => chunk.GetProperty("id").GetString()).Distinct());
        Assert.Equal("unsafe\nS1,S9", chunks[0].GetProperty("choices")[0].GetProperty("delta").GetProperty("content").GetString());
        Assert.Equal(JsonValueKind.Null, chunks[0].GetProperty("choices")[0].GetProperty("finish_reason").ValueKind);
        Assert.Equal("stop", chunks[1].GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.Empty(chunks[2].GetProperty("choices").EnumerateArray());
        Assert.Equal(105, chunks[2].GetProperty("usage").GetProperty("total_tokens").GetInt32());
    }

    [Theory]
    [InlineData("""{"model":"Llama-Guard"}""", "messages")]
    [InlineData("""{"messages":[]}""", "empty")]
    [InlineData("""{"messages":"hello"}""", "String")]
    [InlineData("""{"messages":[{"role":"user","content":"a"}],"n":2}""", "\"n\" must be 1")]
    [InlineData("""{"messages":[{"role":"user","content":"a"}],"top_logprobs":2}""", "logprobs")]
    [InlineData("""{"messages":[{"role":"user","content":"a"}],"logprobs":true,"top_logprobs":21}""", "20")]
    [InlineData("""{"messages":[{"role":"user","content":"a"}],"response_format":{"type":"json_object"}}""", "response_format")]
    [InlineData("""{"messages":[{"role":"user","content":"a"}],"stream":"yes"}""", "stream")]
    [InlineData("""{"messages":[{"role":"assistant","content":"a"}]}""", "user turn")]
    [InlineData("""{"messages":[{"role":"user","content":"a"},{"role":"system","content":"b"}]}""", "System")]
    [InlineData("""{"messages":[{"role":"user","content":"a","content":"b"}]}""", "once")]
    [InlineData("""{"messages":[{"role":"user","content":"\ud800"}]}""", "Unicode")]
    [InlineData("""[1]""", "object")]
    [InlineData("""{""", "JSON")]
    public async Task What_cannot_be_answered_is_an_error(string json, string seen)
    {
        await using var server = await FormServer.StartAsync(new RecordingGuard());
        Assert.Contains(seen, (await server.GetErrorAsync(Path, json)).GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Template_arguments_choose_the_policy_as_on_a_server_that_runs_the_template()
    {
        var guard = new RecordingGuard();
        await using var server = await FormServer.StartAsync(guard);
        await server.GetAnswerAsync(Path, """{"messages":[{"role":"user","content":"a"}],"chat_template_kwargs":{"excluded_category_keys":["S6","S13"]}}""");
        Assert.Equal(["S1", "S2", "S3", "S4", "S5", "S7", "S8", "S9", "S10", "S11", "S12", "S14"], Codes(guard));
        guard.Asked.Clear();
        await server.GetAnswerAsync(Path, """{"messages":[{"role":"user","content":"a"}],"chat_template_kwargs":{"categories":{"S1":"Violent Crimes.","S20":"Rude words."}}}""");
        Assert.Equal(["S1", "S20"], Codes(guard));
        Assert.Equal("Rude words", guard.Asked.Single().Options.Policy!.Categories[1].Name);
    }

    [Fact]
    public async Task Categories_that_the_model_cannot_learn_are_an_error()
    {
        var guard = new RecordingGuard();
        guard = new RecordingGuard { Capabilities = guard.Capabilities with { CustomCategories = false } };
        await using var server = await FormServer.StartAsync(guard);
        var error = await server.GetErrorAsync(Path, """{"messages":[{"role":"user","content":"a"}],"chat_template_kwargs":{"categories":{"S1":"Rude words."}}}""");
        Assert.Contains("not trained on", error.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Empty(guard.Asked);
    }

    [Fact]
    public async Task An_older_function_call_is_judged_like_a_tool_call()
    {
        var guard = new RecordingGuard();
        await using var server = await FormServer.StartAsync(guard);
        var answer = await server.GetAnswerAsync(
            Path, """{"messages":[{"role":"user","content":"go"},{"role":"assistant","content":null,"function_call":{"name":"order","arguments":"{\"item\":\"bomb\"}"}}]}""");
        Assert.StartsWith("unsafe", answer.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString(), StringComparison.Ordinal);
    }

    private static IEnumerable<string> Codes(RecordingGuard guard) => guard.Asked.Single().Options.Policy!.Categories.Select(category => category.Code);

    private static (int Prompt, int Completion, int Total) Usage(JsonElement answer)
    {
        var usage = answer.GetProperty("usage");
        return (usage.GetProperty("prompt_tokens").GetInt32(), usage.GetProperty("completion_tokens").GetInt32(), usage.GetProperty("total_tokens").GetInt32());
    }
}
