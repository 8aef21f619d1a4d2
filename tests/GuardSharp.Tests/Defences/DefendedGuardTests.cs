using GuardSharp.Conversations;
using GuardSharp.Defences;
using GuardSharp.Policies;
using GuardSharp.Tests.Server;

namespace GuardSharp.Tests.Defences;

public sealed class DefendedGuardTests
{
    private const string Plain = "as it is";

    [Fact]
    public async Task A_defended_verdict_is_never_safer_than_the_plain_one_nor_than_any_view()
    {
        var random = new Random(7);
        for (var round = 0; round < 500; round++)
        {
            var verdicts = Enumerable.Range(0, random.Next(1, 6)).ToDictionary(i => i == 0 ? Plain : $"view {i}", _ => Drawn(random));
            await using var guard = new DefendedGuard(Scripted(conversation => verdicts[TextOf(conversation)]), new Views([.. verdicts.Keys.Skip(1)]));

            var verdict = await Judge(guard, Plain);

            Assert.Equal(verdicts.Values.Any(one => one.Unsafe), verdict.Unsafe);
            Assert.Equal(verdicts.Values.Max(one => one.UnsafeProbability), verdict.UnsafeProbability);
            // The categories are those of one verdict that was as bad, never a mixture.
            Assert.Contains(verdicts.Values, one => one.Unsafe == verdict.Unsafe && one.Categories.SequenceEqual(verdict.Categories));
            Assert.All(verdict.CategoryProbabilities.Values, probability => Assert.True(probability <= verdict.UnsafeProbability));
        }
    }

    [Fact]
    public async Task A_view_that_cannot_be_judged_is_an_error()
    {
        await using var guard = new DefendedGuard(Scripted(conversation => TextOf(conversation) == Plain ? ScriptedGuard.Verdict() : throw new ContextOverflowException(9, 8)), new Views(["other"]));
        await Assert.ThrowsAsync<ContextOverflowException>(() => Judge(guard, Plain));
    }

    [Fact]
    public async Task A_defence_that_fails_is_an_error()
    {
        await using var guard = new DefendedGuard(Scripted(_ => ScriptedGuard.Verdict()), KnownDefences.Parse("jpeg"));
        await Assert.ThrowsAsync<ImageException>(() => guard.ClassifyAsync(
            new Conversation([new Turn(Role.User, [new ImagePart(new byte[] { 1, 2, 3 })])]), null, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Defences_look_at_the_views_of_those_before_them()
    {
        var asked = new List<string>();
        await using var guard = new DefendedGuard(
            Scripted(conversation =>
            {
                lock (asked)
                {
                    asked.Add(TextOf(conversation));
                }

                return ScriptedGuard.Verdict();
            }),
            new Suffix("a"),
            new Suffix("b"));
        await Judge(guard, Plain);
        Assert.Equal([Plain, Plain + "a", Plain + "ab", Plain + "b"], asked.Order());
    }

    [Fact]
    public async Task The_verdict_says_which_defence_found_what_the_guard_alone_did_not()
    {
        await using var guard = new DefendedGuard(Scripted(conversation => ScriptedGuard.Verdict(TextOf(conversation) == Plain ? 0.2 : 0.9)), new Suffix("a"));
        var verdict = await Judge(guard, Plain);
        Assert.Contains(verdict.Warnings, warning => warning.Contains("+a", StringComparison.Ordinal));
        Assert.Equal("scripted++a@000000000000", verdict.Model);
        Assert.Equal(guard.Capabilities.Model, verdict.Model);
    }

    [Fact]
    public async Task Options_reach_every_look()
    {
        var options = new ClassifyOptions { Threshold = 0.3 };
        await using var guard = new DefendedGuard(
            new ScriptedGuard((_, given, _) => Task.FromResult(ReferenceEquals(given, options) ? ScriptedGuard.Verdict() : throw new GuardException("other options"))), new Suffix("a"));
        await guard.ClassifyAsync(Conversation.OfUser(Plain), options, TestContext.Current.CancellationToken);
    }

    [Fact]
    public void Both_judges_a_response_and_the_prompt_it_answers()
    {
        var both = KnownDefences.Parse("both");
        var prompt = Conversation.OfUser("question");
        var view = Assert.Single(both.Views(new Conversation([.. prompt.Turns, Turn.Assistant("answer")])));
        Assert.Equal("question", TextOf(view));
        Assert.Empty(both.Views(prompt));
        Assert.Empty(both.Views(new Conversation([Turn.Assistant("an answer to nothing")])));
    }

    [Theory]
    [InlineData("jpeg", "jpeg:75")]
    [InlineData("jpeg:1", "jpeg:1")]
    [InlineData("bits", "bits:3")]
    [InlineData("resize-jitter:5", "resize-jitter:5")]
    [InlineData("resize-jitter:5,17", "resize-jitter:5,17")]
    [InlineData("normalise", "normalise")]
    [InlineData("decode", "decode")]
    [InlineData("perplexity", "perplexity:3.5")]
    [InlineData("perplexity:4", "perplexity:4")]
    [InlineData("pieces", "pieces:200")]
    [InlineData("erase:5", "erase:5")]
    public void A_defence_is_named_with_its_argument(string text, string name)
    {
        var defence = KnownDefences.Parse(text);
        Assert.Equal(name, defence.Name);
        Assert.Equal(name, KnownDefences.Parse(defence.Name).Name);
    }

    [Theory]
    [InlineData("")]
    [InlineData("jpg")]
    [InlineData("JPEG")]
    [InlineData("jpeg:")]
    [InlineData("jpeg:0")]
    [InlineData("jpeg:101")]
    [InlineData("bits:8")]
    [InlineData("bits:-1")]
    [InlineData("resize-jitter:0")]
    [InlineData("resize-jitter:3,")]
    [InlineData("resize-jitter:3,-1")]
    [InlineData("normalise:2")]
    [InlineData("perplexity:0")]
    [InlineData("perplexity:NaN")]
    public void What_is_no_defence_is_refused_with_the_forms_that_are(string text)
    {
        Assert.Matches("Known are|Its form is", Assert.Throws<GuardException>(() => KnownDefences.Parse(text)).Message);
    }

    private static Verdict Drawn(Random random)
    {
        var probability = Math.Round(random.NextDouble(), 2);
        // Now and then a category is above a threshold of its own, and the message as a whole below.
        var byCategory = random.Next(4) == 0;
        return ScriptedGuard.Verdict(probability) with { Unsafe = byCategory || probability >= 0.5, Categories = [$"S{random.Next(1, 9)}"] };
    }

    private static ScriptedGuard Scripted(Func<Conversation, Verdict> judge) => new((conversation, _, _) => Task.Run(() => judge(conversation)));

    private static Task<Verdict> Judge(DefendedGuard guard, string text) => guard.ClassifyAsync(Conversation.OfUser(text), null, TestContext.Current.CancellationToken);

    private static string TextOf(Conversation conversation) => ((TextPart)conversation.Turns[^1].Parts[0]).Text;

    private sealed record Views(IReadOnlyList<string> Texts) : IDefence
    {
        public string Name => "views";

        IReadOnlyList<Conversation> IDefence.Views(Conversation conversation) => [.. Texts.Select(Conversation.OfUser)];
    }

    private sealed record Suffix(string Text) : IDefence
    {
        public string Name => "+" + Text;

        public IReadOnlyList<Conversation> Views(Conversation conversation) => [Conversation.OfUser(TextOf(conversation) + Text)];
    }
}
