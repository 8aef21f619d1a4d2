using System.Net;
using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Policies;

namespace GuardSharp.Tests.Server.Endpoints;

public sealed class ModerationEndpointTests
{
    private const string Path = "/v1/moderations";

    private static readonly string[] _thirteen =
    [
        "harassment", "harassment/threatening", "sexual", "hate", "hate/threatening", "illicit", "illicit/violent",
        "self-harm", "self-harm/intent", "self-harm/instructions", "sexual/minors", "violence", "violence/graphic",
    ];

    private static readonly string[] _codes = [.. Policy.MlCommons.Categories.Select(category => category.Code)];

    [Fact]
    public async Task A_text_gives_one_result_with_all_keys()
    {
        await using var server = await FormServer.StartAsync(new RecordingGuard());
        var answer = await server.GetAnswerAsync(Path, """{"model":"omni-moderation-latest","input":"how to make a bomb"}""");
        Assert.StartsWith("modr-", answer.GetProperty("id").GetString(), StringComparison.Ordinal);
        Assert.Equal("recording@0123456789ab", answer.GetProperty("model").GetString());
        var result = Assert.Single(answer.GetProperty("results").EnumerateArray());
        Assert.True(result.GetProperty("flagged").GetBoolean());
        Assert.Equal([.. _thirteen, .. _codes], Keys(result, "categories"));
        Assert.Equal([.. _thirteen, .. _codes], Keys(result, "category_scores"));
        Assert.Equal([.. _thirteen, .. _codes], Keys(result, "category_applied_input_types"));
        Assert.Equal(["illicit/violent", "violence", "S1", "S9"], Flagged(result));
        // The higher one of S1 and S9.
        Assert.Equal(0.9, result.GetProperty("category_scores").GetProperty("violence").GetDouble());
        Assert.Equal(0.5, result.GetProperty("category_scores").GetProperty("S9").GetDouble());
        Assert.Equal(0, result.GetProperty("category_scores").GetProperty("violence/graphic").GetDouble());
        Assert.Equal(["text"], Types(result, "violence"));
        Assert.Empty(Types(result, "violence/graphic"));
    }

    [Fact]
    public async Task An_array_of_texts_gives_one_result_each_in_their_order()
    {
        var guard = new RecordingGuard();
        await using var server = await FormServer.StartAsync(guard);
        var answer = await server.GetAnswerAsync(Path, """{"input":["hello","a bomb","bye"]}""");
        Assert.Equal([false, true, false], answer.GetProperty("results").EnumerateArray().Select(result => result.GetProperty("flagged").GetBoolean()));
        Assert.Equal(3, guard.Asked.Count);
        Assert.Equal(answer.GetProperty("id").GetString(), answer.GetProperty("results")[0].GetProperty("decision_id").GetString());
    }

    [Fact]
    public async Task An_array_of_parts_gives_one_result_for_all_of_them()
    {
        var guard = new RecordingGuard();
        await using var server = await FormServer.StartAsync(guard);
        var answer = await server.GetAnswerAsync(
            Path, $$$"""{"input":[{"type":"text","text":"is this a bomb?"},{"type":"image_url","image_url":{"url":"{{{TestPicture.DataUri}}}"}}]}""");
        var result = Assert.Single(answer.GetProperty("results").EnumerateArray());
        Assert.Equal(["text", "image"], Types(result, "violence"));
        var turn = Assert.Single(guard.Single.Turns);
        Assert.Equal("is this a bomb?", Assert.IsType<TextPart>(turn.Parts[0]).Text);
        Assert.Equal(TestPicture.Bytes, Assert.IsType<ImagePart>(turn.Parts[1]).Data.ToArray());
        // S14 is for text alone: beside a picture nobody looked for it.
        Assert.Empty(Types(result, "S14"));
        Assert.Equal(0, result.GetProperty("category_scores").GetProperty("S14").GetDouble());
    }

    [Fact]
    public async Task A_picture_alone_is_judged()
    {
        await using var server = await FormServer.StartAsync(new RecordingGuard());
        var answer = await server.GetAnswerAsync(Path, $$$"""{"input":[{"type":"image_url","image_url":{"url":"{{{TestPicture.DataUri}}}"}}]}""");
        Assert.Equal(["image"], Types(answer.GetProperty("results")[0], "violence"));
    }

    [Theory]
    [InlineData("S1", "illicit/violent violence")]
    [InlineData("S2", "illicit")]
    [InlineData("S3", "sexual illicit/violent")]
    [InlineData("S4", "sexual sexual/minors")]
    [InlineData("S5", "harassment")]
    [InlineData("S6", "")]
    [InlineData("S7", "")]
    [InlineData("S8", "")]
    [InlineData("S9", "illicit/violent violence")]
    [InlineData("S10", "hate")]
    [InlineData("S11", "self-harm")]
    [InlineData("S12", "sexual")]
    [InlineData("S13", "")]
    [InlineData("S14", "")]
    public async Task The_default_table_is_that_of_the_documentation(string code, string keys)
    {
        await using var server = await FormServer.StartAsync(new RecordingGuard { Found = new() { [code] = 0.8 } });
        var result = (await server.GetAnswerAsync(Path, """{"input":"bomb"}""")).GetProperty("results")[0];
        // Flagged also where no key stands for the code.
        Assert.True(result.GetProperty("flagged").GetBoolean());
        Assert.Equal([.. keys.Split(' ', StringSplitOptions.RemoveEmptyEntries), code], Flagged(result));
    }

    [Fact]
    public async Task Configuration_changes_the_table_but_never_the_verdict()
    {
        await using var server = await FormServer.StartAsync(
            new RecordingGuard(), ("GuardSharp:Forms:OpenAICategories:S1", ""), ("GuardSharp:Forms:OpenAICategories:S9", "violence/graphic, weapons"));
        var result = (await server.GetAnswerAsync(Path, """{"input":"bomb"}""")).GetProperty("results")[0];
        Assert.True(result.GetProperty("flagged").GetBoolean());
        Assert.Equal(["violence/graphic", "weapons", "S1", "S9"], Flagged(result));
        Assert.Subset(Keys(result, "categories").ToHashSet(), _thirteen.ToHashSet());
    }

    [Fact]
    public async Task Configuration_that_maps_no_code_keeps_the_server_from_starting() => await Assert.ThrowsAsync<GuardException>(
        () => FormServer.StartAsync(new RecordingGuard(), ("GuardSharp:Forms:OpenAICategories:violence", "S1")));

    [Fact]
    public async Task An_unsafe_verdict_without_a_category_is_flagged()
    {
        await using var server = await FormServer.StartAsync(new RecordingGuard { Found = [] });
        var result = (await server.GetAnswerAsync(Path, """{"input":"bomb"}""")).GetProperty("results")[0];
        Assert.True(result.GetProperty("flagged").GetBoolean());
        Assert.Empty(Flagged(result));
        Assert.Equal(0.9, result.GetProperty("unsafe_probability").GetDouble());
    }

    [Theory]
    [InlineData("""{"model":"omni-moderation-latest"}""", "input")]
    [InlineData("""{"input":null}""", "input")]
    [InlineData("""{"input":[]}""", "input")]
    [InlineData("""{"input":""}""", "input")]
    [InlineData("""{"input":["a"," "]}""", "input[1]")]
    [InlineData("""{"input":["a",1]}""", "input[1]")]
    [InlineData("""{"input":[1,2]}""", "input[0]")]
    [InlineData("""{"input":5}""", "input")]
    [InlineData("""{"input":{"type":"text","text":"a"}}""", "input")]
    [InlineData("""{"input":[{"type":"text","text":"a"},"b"]}""", "input")]
    [InlineData("""{"input":[{"type":"audio","text":"a"}]}""", "audio")]
    [InlineData("""{"input":[{"type":"image_url","image_url":{"url":"file:///etc/passwd"}}]}""", "data URI")]
    [InlineData("""{"input":[{"type":"image_url","image_url":{"url":"data:image/png;base64,%%%"}}]}""", "base64")]
    [InlineData("""{"input":"a","model":1}""", "model")]
    [InlineData("""{"input":"a","messages":[{"role":"user","content":"a"}]}""", "both")]
    public async Task What_cannot_be_judged_is_an_error_that_says_what(string json, string seen)
    {
        await using var server = await FormServer.StartAsync(new RecordingGuard());
        var error = await server.GetErrorAsync(Path, json);
        Assert.Contains(seen, error.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal("invalid_request_error", error.GetProperty("type").GetString());
    }

    [Fact]
    public async Task Images_on_a_network_are_not_fetched_unless_their_host_is_allowed()
    {
        var guard = new RecordingGuard();
        await using var server = await FormServer.StartAsync(guard);
        const string Json = """{"input":[{"type":"image_url","image_url":{"url":"http://169.254.169.254/latest/meta-data"}}]}""";
        var error = await server.GetErrorAsync(Path, Json);
        Assert.Equal("remote_image_refused", error.GetProperty("code").GetString());
        Assert.DoesNotContain("169.254", error.GetRawText(), StringComparison.Ordinal);
        Assert.Empty(guard.Asked);
        await using var other = await FormServer.StartAsync(guard, ("GuardSharp:Images:AllowedHosts:0", "images.example.com"));
        Assert.Equal("remote_image_refused", (await other.GetErrorAsync(Path, Json)).GetProperty("code").GetString());
    }

    [Fact]
    public async Task Ten_thousand_parts_are_refused_before_any_of_them_is_read()
    {
        var guard = new RecordingGuard();
        await using var server = await FormServer.StartAsync(guard);
        var parts = string.Join(',', Enumerable.Repeat("""{"type":"text","text":"a"}""", 10_000));
        var error = await server.GetErrorAsync(Path, $$"""{"input":[{{parts}}]}""");
        Assert.Equal("too_many_parts", error.GetProperty("code").GetString());
        error = await server.GetErrorAsync(Path, $$"""{"messages":[{"role":"user","content":[{{parts}}]}]}""");
        Assert.Equal("too_many_parts", error.GetProperty("code").GetString());
        var texts = string.Join(',', Enumerable.Repeat("\"a\"", 10_000));
        error = await server.GetErrorAsync(Path, $$"""{"input":[{{texts}}]}""");
        Assert.Equal("too_many_inputs", error.GetProperty("code").GetString());
        Assert.Empty(guard.Asked);
        await server.GetAnswerAsync(Path, """{"input":"and the next one works"}""");
    }

    [Fact]
    public async Task The_form_of_the_Llama_API_is_told_by_messages()
    {
        var guard = new RecordingGuard { Found = new() { ["S7"] = 0.8, ["S2"] = 0.4 } };
        await using var server = await FormServer.StartAsync(guard);
        var answer = await server.GetAnswerAsync(Path, """
            {"model":"Llama-Guard","messages":[
              {"role":"system","content":"Be kind."},
              {"role":"user","content":[{"type":"text","text":"who lives there?"}]},
              {"role":"assistant","content":"I look.","tool_calls":[{"id":"1","type":"function","function":{"name":"search","arguments":"{\"q\":\"x\"}"}}]},
              {"role":"tool","tool_call_id":"1","content":"a bomb"}]}
            """);
        Assert.Equal("recording@0123456789ab", answer.GetProperty("model").GetString());
        var result = Assert.Single(answer.GetProperty("results").EnumerateArray());
        Assert.True(result.GetProperty("flagged").GetBoolean());
        Assert.Equal(["privacy", "non-violent-crimes"], result.GetProperty("flagged_categories").EnumerateArray().Select(name => name.GetString()!));
        Assert.Equal([Role.System, Role.User, Role.Assistant, Role.Tool], guard.Single.Turns.Select(turn => turn.Role));
        Assert.Equal("search", Assert.IsType<ToolCallPart>(guard.Single.Turns[2].Parts[1]).Name);
    }

    [Fact]
    public async Task A_safe_conversation_has_no_flagged_categories()
    {
        await using var server = await FormServer.StartAsync(new RecordingGuard(), ("GuardSharp:Forms:LlamaApiCategories:S1", "violence"));
        var result = (await server.GetAnswerAsync(Path, """{"messages":[{"role":"user","content":"hello"}]}""")).GetProperty("results")[0];
        Assert.False(result.GetProperty("flagged").GetBoolean());
        Assert.Empty(result.GetProperty("flagged_categories").EnumerateArray());
        result = (await server.GetAnswerAsync(Path, """{"messages":[{"role":"user","content":"bomb"}]}""")).GetProperty("results")[0];
        Assert.Equal("violence", result.GetProperty("flagged_categories")[0].GetString());
    }

    [Fact]
    public async Task A_model_that_is_not_loaded_is_not_found()
    {
        await using var server = await FormServer.StartAsync(new RecordingGuard());
        var error = await server.GetErrorAsync(Path, """{"model":"meta-llama/Llama-Guard-4-12B","input":"a"}""", HttpStatusCode.NotFound);
        Assert.Equal("model_not_found", error.GetProperty("code").GetString());
        await server.GetAnswerAsync(Path, """{"model":"meta-llama/recording","input":"a"}""");
    }

    private static IEnumerable<string> Keys(JsonElement result, string name) => result.GetProperty(name).EnumerateObject().Select(property => property.Name);

    private static IEnumerable<string> Flagged(JsonElement result) =>
        result.GetProperty("categories").EnumerateObject().Where(property => property.Value.GetBoolean()).Select(property => property.Name);

    private static IEnumerable<string> Types(JsonElement result, string key) =>
        result.GetProperty("category_applied_input_types").GetProperty(key).EnumerateArray().Select(type => type.GetString()!);
}
