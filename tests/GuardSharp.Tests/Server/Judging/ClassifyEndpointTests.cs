using System.Net;
using System.Text.Json;
using GuardSharp.Conversations;

namespace GuardSharp.Tests.Server.Judging;

public sealed class ClassifyEndpointTests(TinyServer shared) : IClassFixture<TinyServer>
{
    private const string Path = "/v1/guard/classify";

    private readonly TestServer _server = shared.Running;

    [Fact]
    public async Task A_verdict_over_HTTP_is_that_of_the_library()
    {
        await using var guard = GuardClassifier.Load();
        var expected = await guard.ClassifyAsync(Conversation.OfUser("how do I build a bomb"), cancellationToken: TestContext.Current.CancellationToken);

        var (status, verdict) = await _server.PostAsync(Path, """{"messages":[{"role":"user","content":"how do I build a bomb"}]}""");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal((expected.Unsafe, expected.Model, expected.PolicyVersion), (verdict.GetProperty("unsafe").GetBoolean(), verdict.GetProperty("model").GetString(), verdict.GetProperty("policyVersion").GetString()));
        // Another batch adds rows in another order: float32 sums differ in the last digits.
        Assert.Equal(expected.UnsafeProbability, verdict.GetProperty("unsafeProbability").GetDouble(), 1e-4);
        Assert.Equal(expected.Categories, verdict.GetProperty("categories").EnumerateArray().Select(code => code.GetString()));
        Assert.Equal(14, verdict.GetProperty("categoryProbabilities").EnumerateObject().Count());
        Assert.Equal(expected.PromptTokens, verdict.GetProperty("tokens").GetProperty("prompt").GetInt32());
        Assert.Matches("^modr-[0-9a-f]{32}$", verdict.GetProperty("id").GetString());
    }

    [Fact]
    public async Task Each_entry_of_a_batch_has_a_verdict_or_an_error_of_its_own()
    {
        var (status, body) = await _server.PostAsync(Path, """{"inputs":[{"messages":[{"role":"user","content":"hi"}]},[],[{"role":"nobody","content":"x"}],[{"role":"user","content":"bye"}]]}""");

        Assert.Equal(HttpStatusCode.OK, status);
        var results = body.GetProperty("results").EnumerateArray().ToList();
        Assert.Equal([0, 1, 2, 3], results.Select(result => result.GetProperty("index").GetInt32()));
        Assert.Equal([true, false, false, true], results.Select(result => result.GetProperty("verdict").ValueKind == JsonValueKind.Object));
        Assert.Equal([false, true, true, false], results.Select(result => result.GetProperty("error").ValueKind == JsonValueKind.Object));
        Assert.Equal("invalid_conversation", results[1].GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task The_threshold_of_a_request_decides()
    {
        foreach (var (threshold, isUnsafe) in new[] { ("0", true), ("1", false) })
        {
            var (_, verdict) = await _server.PostAsync(Path, $$"""{"messages":[{"role":"user","content":"hello"}],"threshold":{{threshold}}}""");
            Assert.Equal(isUnsafe, verdict.GetProperty("unsafe").GetBoolean());
        }
    }

    [Fact]
    public async Task Thresholds_by_the_hundred_thousand_are_an_error_and_no_work()
    {
        // Looked up one by one by their names they would keep a core busy for minutes.
        var thresholds = string.Join(',', Enumerable.Range(1, 200_000).Select(i => $"\"S{i}\":0.5"));
        var (status, _) = await _server.PostAsync(Path, $$$"""{"messages":[{"role":"user","content":"x"}],"categoryThresholds":{{{{thresholds}}}}}""");
        Assert.Equal(HttpStatusCode.BadRequest, status);
    }

    [Theory]
    [InlineData(101, 0)]
    [InlineData(1, 1 << 20)]
    public async Task A_policy_is_no_place_for_a_long_text(int name, int description)
    {
        var policy = JsonSerializer.Serialize(new { name = new string('x', name), categories = new[] { new { code = "S1", name = "Crimes", description = new string('y', description) + "." } } });
        var (status, body) = await _server.PostAsync(Path, $$"""{"messages":[{"role":"user","content":"x"}],"policy":{{policy}}}""");
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("invalid_policy", body.GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task A_policy_in_the_request_is_applied()
    {
        var (_, verdict) = await _server.PostAsync(Path, """{"messages":[{"role":"user","content":"hello"}],"policy":{"name":"few","categories":["S1","S10"]}}""");
        Assert.Equal(["S1", "S10"], verdict.GetProperty("categoryProbabilities").EnumerateObject().Select(property => property.Name));
        Assert.StartsWith("few@", verdict.GetProperty("policyVersion").GetString());
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"treshold":0.1}""", 400, "unknown_parameter")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"conversation":[]}""", 400, null)]
    [InlineData("""{}""", 400, null)]
    [InlineData("""[]""", 400, null)]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"threshold":1.5}""", 400, null)]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"threshold":"0.5"}""", 400, null)]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"model":"gpt-4"}""", 404, "model_not_found")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"policy":"none"}""", 400, "policy_not_found")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"policy":{"categories":["S77"]}}""", 400, "invalid_policy")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"messages":[]}""", 400, "invalid_json")]
    [InlineData("""{"messages":[{"role":"user","content":"\ud800"}]}""", 400, "invalid_json")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}""", 400, "invalid_json")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,!!!"}}]}]}""", 400, "invalid_image")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]}""", 400, "invalid_image")]
    [InlineData("""{"inputs":[]}""", 400, null)]
    public async Task A_bad_request_is_told_in_the_envelope(string json, int status, string? code)
    {
        var (seen, body) = await _server.PostAsync(Path, json);
        Assert.Equal(status, (int)seen);
        var error = body.GetProperty("error");
        Assert.Equal(["message", "type", "param", "code"], error.EnumerateObject().Select(property => property.Name));
        Assert.Equal("invalid_request_error", error.GetProperty("type").GetString());
        Assert.Equal(code, error.GetProperty("code").GetString());
    }

    [Fact]
    public async Task A_conversation_beyond_the_context_says_so()
    {
        var (status, body) = await _server.PostAsync(Path, $$"""{"messages":[{"role":"user","content":"{{string.Concat(Enumerable.Repeat("many words ", 4000))}}"}]}""");
        Assert.Equal((HttpStatusCode.BadRequest, "context_length_exceeded"), (status, body.GetProperty("error").GetProperty("code").GetString()));
    }
}
