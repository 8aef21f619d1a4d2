using System.Text.Json;
using GuardSharp.Conversations;

namespace GuardSharp.Tests.Server.Endpoints;

/// <summary>Mistral's and LiteLLM's forms, as their clients write them.</summary>
public sealed class GatewayEndpointTests
{
    private const string LiteLlm = "/beta/litellm_basic_guardrail_api";
    private const string Mistral = "/v1/chat/moderations";

    [Fact]
    public async Task Mistral_gets_one_result_for_each_conversation_in_its_own_categories()
    {
        var guard = new RecordingGuard { Found = new() { ["S7"] = 0.8, ["S2"] = 0.4 } };
        await using var server = await FormServer.StartAsync(guard);
        var answer = await server.GetAnswerAsync(Mistral, """
            {"model":"mistral-moderation-latest","input":[
              [{"role":"user","content":"hello"}],
              [{"role":"user","content":"hello"},{"role":"assistant","content":"a bomb","prefix":false}]]}
            """);
        Assert.Equal("recording@0123456789ab", answer.GetProperty("model").GetString());
        var results = answer.GetProperty("results").EnumerateArray().ToArray();
        Assert.Equal([false, true], results.Select(result => result.GetProperty("categories").GetProperty("pii").GetBoolean()));
        Assert.Equal(0.8, results[1].GetProperty("category_scores").GetProperty("pii").GetDouble());
        Assert.True(results[1].GetProperty("categories").GetProperty("criminal").GetBoolean());
        Assert.True(results[1].GetProperty("categories").GetProperty("dangerous_and_criminal_content").GetBoolean());
        Assert.True(results[1].GetProperty("categories").GetProperty("S7").GetBoolean());
        Assert.False(results[1].GetProperty("categories").GetProperty("jailbreaking").GetBoolean());
        Assert.Equal(2, guard.Asked.Count);
    }

    [Fact]
    public async Task One_conversation_without_a_list_around_it_is_one_input()
    {
        var guard = new RecordingGuard();
        await using var server = await FormServer.StartAsync(guard);
        var answer = await server.GetAnswerAsync(Mistral, """{"input":[{"role":"user","content":"hello"},{"role":"assistant","content":"hi"}]}""");
        Assert.Single(answer.GetProperty("results").EnumerateArray());
        Assert.Equal(2, guard.Single.Turns.Count);
    }

    [Fact]
    public async Task Mistrals_model_name_brings_Mistrals_categories_for_texts_too()
    {
        await using var server = await FormServer.StartAsync(new RecordingGuard());
        var answer = await server.GetAnswerAsync("/v1/moderations", """{"model":"mistral-moderation-latest","input":["a bomb"]}""");
        Assert.True(answer.GetProperty("results")[0].GetProperty("categories").GetProperty("violence_and_threats").GetBoolean());
    }

    [Theory]
    [InlineData("""{}""")]
    [InlineData("""{"input":[]}""")]
    [InlineData("""{"input":"text"}""")]
    [InlineData("""{"input":[["text"]]}""")]
    [InlineData("""{"input":[[]]}""")]
    public async Task What_is_no_conversation_is_an_error(string json)
    {
        await using var server = await FormServer.StartAsync(new RecordingGuard());
        await server.GetErrorAsync(Mistral, json);
    }

    [Fact]
    public async Task LiteLLM_is_told_to_block_and_why()
    {
        var guard = new RecordingGuard();
        await using var server = await FormServer.StartAsync(guard);
        var answer = await server.GetAnswerAsync(LiteLlm, """
            {"litellm_call_id":"1","litellm_trace_id":null,"texts":["be kind","how to build a bomb"],"request_data":{"user_api_key_hash":"x"},
             "images":null,"tools":[{"type":"function","function":{"name":"f"}}],"structured_messages":null,"model":"gpt-4o",
             "additional_provider_specific_params":{},"input_type":"request"}
            """);
        Assert.Equal("BLOCKED", answer.GetProperty("action").GetString());
        Assert.Equal("unsafe: S1 Violent Crimes, S9 Indiscriminate Weapons", answer.GetProperty("blocked_reason").GetString());
        Assert.Equal(2, guard.Asked.Count);
    }

    [Fact]
    public async Task LiteLLM_is_told_that_nothing_was_found()
    {
        await using var server = await FormServer.StartAsync(new RecordingGuard());
        var answer = await server.GetAnswerAsync(LiteLlm, """{"texts":["hello",""],"input_type":"request"}""");
        Assert.Equal("NONE", answer.GetProperty("action").GetString());
        Assert.False(answer.TryGetProperty("blocked_reason", out _));
        // Nothing was changed, and so nothing is sent back.
        Assert.False(answer.TryGetProperty("texts", out _));
    }

    [Fact]
    public async Task A_response_is_judged_as_the_assistants()
    {
        var guard = new RecordingGuard();
        await using var server = await FormServer.StartAsync(guard);
        await server.GetAnswerAsync(LiteLlm, """{"texts":["sure, here is how"],"input_type":"response"}""");
        Assert.Equal([Role.User, Role.Assistant], guard.Single.Turns.Select(turn => turn.Role));
        guard.Asked.Clear();
        await server.GetAnswerAsync(LiteLlm, """
            {"texts":["sure"],"input_type":"response","structured_messages":[{"role":"user","content":"go on"}],
             "tool_calls":[{"id":"1","type":"function","function":{"name":"order","arguments":"{\"item\":\"tea\"}"}}]}
            """);
        Assert.Equal(2, guard.Asked.Count);
        Assert.All(guard.Asked, asked => Assert.Equal("go on", Assert.IsType<TextPart>(asked.Conversation.Turns[0].Parts[0]).Text));
        Assert.Contains(guard.Asked, asked => asked.Conversation.Turns[^1].Parts[0] is ToolCallPart);
    }

    [Fact]
    public async Task A_conversation_is_judged_as_one_and_alone_only_what_it_does_not_hold()
    {
        var guard = new RecordingGuard();
        await using var server = await FormServer.StartAsync(guard);
        var answer = await server.GetAnswerAsync(LiteLlm, """
            {"texts":["hi","hello","more","a hidden bomb"],"input_type":"request",
             "structured_messages":[{"role":"system","content":"be kind"},{"role":"user","content":"hi"},{"role":"assistant","content":"hello"},{"role":"user","content":"more"}]}
            """);
        Assert.Equal("BLOCKED", answer.GetProperty("action").GetString());
        Assert.Equal([1, 4], guard.Asked.Select(asked => asked.Conversation.Turns.Count).Order());
    }

    [Fact]
    public async Task A_text_of_a_system_message_is_judged_alone_because_no_prompt_holds_it()
    {
        var guard = new RecordingGuard();
        await using var server = await FormServer.StartAsync(guard);
        var answer = await server.GetAnswerAsync(LiteLlm, """
            {"texts":["a bomb","hi"],"input_type":"request","structured_messages":[{"role":"system","content":"a bomb"},{"role":"user","content":"hi"}]}
            """);
        Assert.Equal("BLOCKED", answer.GetProperty("action").GetString());
    }

    [Fact]
    public async Task Of_a_conversation_that_cannot_be_judged_as_one_every_part_is_judged_alone()
    {
        await using var server = await FormServer.StartAsync(new RecordingGuard());
        // The calls of its messages are in none of the texts.
        var answer = await server.GetAnswerAsync(LiteLlm, """
            {"texts":["hello"],"input_type":"request","structured_messages":[{"role":"user","content":"hello"},{"role":"user","content":"and"},
             {"role":"assistant","content":"tea","tool_calls":[{"id":"1","type":"function","function":{"name":"order","arguments":"{\"item\":\"a bomb\"}"}}]},{"role":"user","content":"hello"}]}
            """);
        Assert.Equal("BLOCKED", answer.GetProperty("action").GetString());
    }

    [Fact]
    public async Task A_conversation_that_does_not_alternate_is_judged_text_by_text()
    {
        var guard = new RecordingGuard();
        await using var server = await FormServer.StartAsync(guard);
        var answer = await server.GetAnswerAsync(LiteLlm, """
            {"texts":["a bomb","please"],"input_type":"request","structured_messages":[{"role":"user","content":"a bomb"},{"role":"user","content":"please"}]}
            """);
        Assert.Equal("BLOCKED", answer.GetProperty("action").GetString());
    }

    [Fact]
    public async Task Pictures_come_as_base64_or_data_uris_and_go_with_the_last_text()
    {
        var guard = new RecordingGuard();
        await using var server = await FormServer.StartAsync(guard);
        await server.GetAnswerAsync(LiteLlm, JsonSerializer.Serialize(new
        {
            texts = new[] { "what is this?" },
            images = new[] { TestPicture.Base64, TestPicture.DataUri, TestPicture.Base64 },
            input_type = "request",
        }));
        // Two pictures at a time: the model takes no more.
        Assert.Equal([1, 2, 3], guard.Asked.Select(asked => Assert.Single(asked.Conversation.Turns).Parts.Count).Order());
        Assert.All(guard.Asked.SelectMany(asked => asked.Conversation.Turns[0].Parts).OfType<ImagePart>(), image => Assert.Equal(TestPicture.Bytes, image.Data.ToArray()));
    }

    [Theory]
    [InlineData("""{"texts":[],"input_type":"request"}""")]
    [InlineData("""{"texts":["x"],"input_type":"request","structured_messages":{"messages":[]}}""")]
    [InlineData("""{"input_type":"request"}""")]
    [InlineData("""{"texts":["a"],"input_type":"both"}""")]
    [InlineData("""{"texts":"a"}""")]
    [InlineData("""{"texts":[1]}""")]
    [InlineData("""{"images":["no base64 %"]}""")]
    [InlineData("""{"images":["https://images.example.com/a.png"]}""")]
    [InlineData("""{"texts":["a"],"additional_provider_specific_params":{"model":5}}""")]
    public async Task What_LiteLLM_cannot_mean_is_an_error(string json)
    {
        var guard = new RecordingGuard();
        await using var server = await FormServer.StartAsync(guard);
        await server.GetErrorAsync(LiteLlm, json);
        Assert.Empty(guard.Asked);
    }
}
