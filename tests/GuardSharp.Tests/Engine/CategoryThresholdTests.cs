using GuardSharp.Conversations;
using GuardSharp.Policies;

namespace GuardSharp.Tests.Engine;

/// <summary>Thresholds of single categories: of the guard, of the policy, of the request.</summary>
public sealed class CategoryThresholdTests
{
    private static readonly Conversation _hello = Conversation.OfUser("Hello, how are you today?");

    // Far below what any conversation reaches, so that the category is always violated.
    private static readonly Dictionary<string, double> _always = new() { ["S1"] = 1e-12 };

    [Fact]
    public async Task A_guards_threshold_of_a_category_counts_where_the_policy_sets_none()
    {
        await using var guard = GuardClassifier.Load(options: new GuardOptions { Threshold = 1, CategoryThresholds = _always });
        var verdict = await guard.ClassifyAsync(_hello, cancellationToken: TestContext.Current.CancellationToken);
        Assert.True(verdict.Unsafe);
        Assert.Contains("S1", verdict.Categories);
        Assert.Equal(1, verdict.Threshold);

        var own = new ClassifyOptions { Policy = Policy.Create("own", Policy.MlCommons.Categories, new Dictionary<string, double> { ["S1"] = 1 }) };
        Assert.False((await guard.ClassifyAsync(_hello, own, TestContext.Current.CancellationToken)).Unsafe);
        var without = new ClassifyOptions { Policy = Policy.MlCommons.Without("S1") };
        Assert.False((await guard.ClassifyAsync(_hello, without, TestContext.Current.CancellationToken)).Unsafe);
    }

    [Fact]
    public async Task A_requests_threshold_of_a_category_goes_before_the_policys_and_shows_in_the_version()
    {
        await using var guard = GuardClassifier.Load();
        var policy = Policy.Create("own", Policy.MlCommons.Categories, new Dictionary<string, double> { ["S1"] = 1 });
        var options = new ClassifyOptions { Policy = policy, Threshold = 1, CategoryThresholds = _always };
        var verdict = await guard.ClassifyAsync(_hello, options, TestContext.Current.CancellationToken);
        Assert.True(verdict.Unsafe);
        Assert.NotEqual(policy.Version, verdict.PolicyVersion);
    }

    [Theory]
    [InlineData("S1", 0)]
    [InlineData("S1", 1.5)]
    [InlineData("S99", 0.5)]
    public async Task A_threshold_that_no_category_can_have_is_an_error(string code, double value)
    {
        await using var guard = GuardClassifier.Load();
        var options = new ClassifyOptions { CategoryThresholds = new Dictionary<string, double> { [code] = value } };
        await Assert.ThrowsAsync<InvalidConversationException>(() => guard.ClassifyAsync(_hello, options, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void A_guard_with_a_threshold_outside_its_range_is_not_loaded()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => GuardClassifier.Load(options: new GuardOptions { Threshold = double.NaN }));
        Assert.Throws<ArgumentOutOfRangeException>(() => GuardClassifier.Load(options: new GuardOptions { CategoryThresholds = new Dictionary<string, double> { ["S99"] = 2 } }));
    }
}
