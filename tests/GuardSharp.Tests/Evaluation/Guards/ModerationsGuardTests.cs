using GuardSharp.Conversations;
using GuardSharp.Evaluation.Datasets.Remote;
using GuardSharp.Evaluation.Guards;
using GuardSharp.Policies;
using GuardSharp.Remote;
using GuardSharp.Tests.Remote;
using GuardSharp.Tests.Server;

namespace GuardSharp.Tests.Evaluation.Guards;

/// <summary>Guards behind /v1/moderations and behind our own endpoint.</summary>
public sealed class ModerationsGuardTests
{
    private const string OpenAI = """
        {"id":"x","model":"omni","results":[{"flagged":FLAG,"categories":{"violence":true,"hate":false,"self-harm/intent":false,"harassment":true},
        "category_scores":{"violence":0.31,"violence/graphic":0.05,"hate":0.2,"hate/threatening":0.25,"self-harm/intent":0.01,"harassment":0.4}}]}
        """;

    [Fact]
    public async Task Our_own_server_says_the_same_by_both_of_its_forms()
    {
        await using var scripted = new ScriptedGuard((_, _, _) => Task.FromResult(ScriptedGuard.Verdict(0.8)));
        await using var server = await TestServer.StartAsync(scripted);
        var options = new ChatOptions { Endpoint = server.Client.BaseAddress!, Model = ForeignJson.NoModel, Retries = 0 };
        await using var moderations = new ModerationsGuard(options);
        await using var own = new ServerGuard(options);
        foreach (var guard in (IGuard[])[moderations, own])
        {
            var verdict = await guard.ClassifyAsync(Conversation.OfUser("hello"), cancellationToken: TestContext.Current.CancellationToken);
            Assert.Equal((true, 0.8, "S1"), (verdict.Unsafe, verdict.UnsafeProbability, string.Join(' ', verdict.Categories)));
            Assert.Equal(0.8, verdict.CategoryProbabilities["S1"]);
        }
    }

    [Fact]
    public async Task Our_own_server_gets_whole_conversations_policies_and_thresholds()
    {
        Conversation? seen = null;
        ClassifyOptions? asked = null;
        await using var scripted = new ScriptedGuard((conversation, options, _) =>
        {
            (seen, asked) = (conversation, options);
            return Task.FromResult(ScriptedGuard.Verdict(0.4, options?.Threshold ?? 0.5));
        });
        await using var server = await TestServer.StartAsync(scripted);
        await using var guard = new ServerGuard(new ChatOptions { Endpoint = server.Client.BaseAddress!, Model = ForeignJson.NoModel, Retries = 0 });
        var policy = Policy.Create("mine", [new HazardCategory("S1", "Violent Crimes", "Of all kinds."), new HazardCategory("S2", "Others")], new Dictionary<string, double> { ["S2"] = 0.9 });

        var verdict = await guard.ClassifyAsync(
            new Conversation([Turn.User("a \uD800"), Turn.Assistant("b"), Turn.User("c")]), new ClassifyOptions { Policy = policy, Threshold = 0.3 }, TestContext.Current.CancellationToken);

        Assert.True(verdict.Unsafe);
        Assert.Equal(3, seen!.Turns.Count);
        Assert.Equal("a \uFFFD", ((TextPart)seen.Turns[0].Parts[0]).Text);
        Assert.Equal((0.3, policy.Version), (asked!.Threshold, asked.Policy!.Version));
    }

    [Theory]
    [InlineData("true", null, true)]
    [InlineData("false", null, false)]
    [InlineData("false", 0.4, true)]
    [InlineData("true", 0.5, false)]
    public async Task Flagged_decides_unless_a_threshold_was_asked_for(string flagged, double? threshold, bool isUnsafe)
    {
        var (verdict, body) = await AskAsync(OpenAI.Replace("FLAG", flagged, StringComparison.Ordinal), new ClassifyOptions { Threshold = threshold });
        Assert.Equal((isUnsafe, 0.4), (verdict.Unsafe, verdict.UnsafeProbability));
        Assert.Equal(isUnsafe ? ["S1"] : [], verdict.Categories);
        Assert.Equal((0.31, 0.25, 0.01, 0.0), (verdict.CategoryProbabilities["S1"], verdict.CategoryProbabilities["S10"], verdict.CategoryProbabilities["S11"], verdict.CategoryProbabilities["S5"]));
        Assert.Equal("omni", body.GetProperty("model").GetString());
        Assert.Equal("the answer", body.GetProperty("input").GetString());
    }

    [Fact]
    public async Task Without_flagged_a_category_that_is_violated_flags()
    {
        var (verdict, _) = await AskAsync("""{"results":[{"categories":{"pii":true,"law":false},"category_scores":{"pii":0.45,"law":0.1}}]}""", new ClassifyOptions());
        Assert.Equal((true, "S7", 0.1), (verdict.Unsafe, string.Join(' ', verdict.Categories), verdict.CategoryProbabilities["S6"]));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"results":[]}""")]
    [InlineData("""{"results":[{"flagged":false,"category_scores":{}}]}""")]
    [InlineData("""{"results":[{"flagged":false,"category_scores":{"hate":1.5}}]}""")]
    [InlineData("""{"results":[{"flagged":false}]}""")]
    [InlineData("[1]")]
    [InlineData("garbage")]
    public async Task What_is_no_moderation_is_an_error(string body) => await Assert.ThrowsAsync<RemoteGuardException>(() => AskAsync(body, new ClassifyOptions()));

    private static async Task<(Verdict Verdict, System.Text.Json.JsonElement Body)> AskAsync(string answer, ClassifyOptions options)
    {
        await using var server = await FakeModelServer.StartAsync(answer);
        await using var guard = new ModerationsGuard(new ChatOptions { Endpoint = server.Address, Model = "omni", Retries = 0 });
        var verdict = await guard.ClassifyAsync(new Conversation([Turn.User("the question"), Turn.Assistant("the answer")]), options, TestContext.Current.CancellationToken);
        Assert.Equal(VerdictTask.ResponseClassification, verdict.Task);
        return (verdict, Assert.Single(server.Requests).Body.RootElement);
    }
}
