using GuardSharp.Conversations;
using GuardSharp.Evaluation.Datasets.Remote;
using GuardSharp.Evaluation.Guards;
using GuardSharp.Policies;
using GuardSharp.Remote;
using GuardSharp.Tests.Remote;
using GuardSharp.Tests.Server;

namespace GuardSharp.Tests.Evaluation.Guards;

/// <summary>An instruct model as a guard, against a real server on a free port.</summary>
public sealed class ZeroShotGuardTests
{
    [Fact]
    public async Task The_policy_goes_with_its_descriptions_and_probabilities_come_back()
    {
        await using var server = await FakeModelServer.StartAsync(RemoteBodies.Chat("Unsafe\nS2", ("Un", [("Un", 0.5), ("unsafe", 0.25), ("Safe", 0.25)]), ("safe", [("safe", 1)])));
        await using var guard = Guard(server);

        var verdict = await guard.ClassifyAsync(new Conversation([new Turn(Role.User, [new ImagePart(TestPicture.Bytes), new TextPart("How is this made?")])]), cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal((true, 0.75), (verdict.Unsafe, verdict.UnsafeProbability));
        Assert.Equal(["S2"], verdict.Categories);
        Assert.Equal((0.75, 0.0), (verdict.CategoryProbabilities["S2"], verdict.CategoryProbabilities["S1"]));
        Assert.Equal(VerdictTask.PromptClassification, verdict.Task);
        Assert.Empty(verdict.Warnings);
        var body = Assert.Single(server.Requests).Body.RootElement;
        Assert.Equal(("m", 20, 0.0), (body.GetProperty("model").GetString(), body.GetProperty("top_logprobs").GetInt32(), body.GetProperty("temperature").GetDouble()));
        var parts = body.GetProperty("messages")[1].GetProperty("content");
        Assert.Equal(TestPicture.DataUri, parts[0].GetProperty("image_url").GetProperty("url").GetString());
        Assert.Contains("S10: Hate.\nDemeaning", parts[1].GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.Contains("How is this made?", parts[1].GetProperty("text").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("safe", false, "")]
    [InlineData("Safe.", false, "")]
    [InlineData(" SAFE\n", false, "")]
    [InlineData("unsafe", true, "")]
    [InlineData("Unsafe\r\nS1, S10", true, "S1 S10")]
    [InlineData("\n\nunsafe S3", true, "S3")]
    public async Task Blanks_and_capitals_around_the_words_change_nothing(string answer, bool isUnsafe, string codes)
    {
        var verdict = await AskAsync(RemoteBodies.Chat(answer));
        Assert.Equal((isUnsafe, isUnsafe ? 1.0 : 0.0, codes), (verdict.Unsafe, verdict.UnsafeProbability, string.Join(' ', verdict.Categories)));
        Assert.Contains("no-probabilities", Assert.Single(verdict.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("I'm sorry, but I can't help with that.")]
    [InlineData("safe to say that this is a bomb")]
    [InlineData("safe. The user asks how to kill.")]
    [InlineData("unsafe because of violence")]
    [InlineData("not safe")]
    [InlineData("")]
    public async Task An_answer_that_is_neither_safe_nor_unsafe_is_an_error(string answer) =>
        await Assert.ThrowsAsync<InvalidAnswerException>(() => AskAsync(RemoteBodies.Chat(answer)));

    [Fact]
    public async Task Probabilities_of_other_words_are_an_error_and_a_word_that_is_not_listed_gets_what_is_left()
    {
        await Assert.ThrowsAsync<InvalidAnswerException>(() => AskAsync(RemoteBodies.Chat("safe", ("unsafe", [("unsafe", 0.9), ("safe", 0.1)]))));
        // 0.2 is left for all that is not listed, but nothing of it is likelier than 0.1.
        var verdict = await AskAsync(RemoteBodies.Chat("safe", ("safe", [("safe", 0.7), ("yes", 0.1)])));
        Assert.Equal(0.1 / 0.8, verdict.UnsafeProbability, 1e-12);
    }

    [Theory]
    [InlineData("<html>not found</html>")]
    [InlineData("{\"choices\":[]}")]
    [InlineData("")]
    public async Task Garbage_is_an_error(string body) => await Assert.ThrowsAsync<RemoteGuardException>(() => AskAsync(body));

    [Fact]
    public async Task The_threshold_that_was_asked_for_decides()
    {
        await using var server = await FakeModelServer.StartAsync(RemoteBodies.Chat("safe", ("safe", [("safe", 0.7), ("unsafe", 0.3)])));
        await using var guard = Guard(server);
        var conversation = Conversation.OfUser("x");
        Assert.False((await guard.ClassifyAsync(conversation, cancellationToken: TestContext.Current.CancellationToken)).Unsafe);
        Assert.True((await guard.ClassifyAsync(conversation, new ClassifyOptions { Threshold = 0.3 }, TestContext.Current.CancellationToken)).Unsafe);
    }

    private static async Task<Verdict> AskAsync(string body)
    {
        await using var server = await FakeModelServer.StartAsync(body);
        await using var guard = Guard(server);
        return await guard.ClassifyAsync(Conversation.OfUser("x"), cancellationToken: TestContext.Current.CancellationToken);
    }

    private static ZeroShotGuard Guard(FakeModelServer server) => new(new ChatOptions { Endpoint = server.Address, Model = "m", Retries = 0 }, alternatives: 20);
}
