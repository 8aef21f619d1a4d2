using CsCheck;
using GuardSharp.Evaluation.Augmentation;
using GuardSharp.Policies;

namespace GuardSharp.Tests.Evaluation.Augmentation;

public sealed class PolicyAugmentationTests
{
    private static readonly Policy _policy = Policy.MlCommons;

    [Fact]
    public void Rates_of_zero_give_the_row_back_as_it_is()
    {
        var row = new PolicyTarget(_policy, true, ["S2", "S10"]);

        Assert.Same(row, PolicyAugmentation.Apply(row, new AugmentationRates(), new Random(1)));
    }

    [Fact]
    public void Dropping_others_keeps_every_violated_category_and_all_numbers()
    {
        var random = new Random(3);
        var sizes = new HashSet<int>();
        for (var i = 0; i < 500; i++)
        {
            var result = PolicyAugmentation.Apply(new PolicyTarget(_policy, true, ["S2", "S10"]), new AugmentationRates { DropOther = 1 }, random);

            Assert.True(result.Unsafe);
            Assert.Equal(["S2", "S10"], result.Categories);
            Assert.Subset(_policy.Categories.ToHashSet(), result.Policy.Categories.ToHashSet());
            Assert.Superset(new HashSet<string> { "S2", "S10" }, result.Policy.Categories.Select(c => c.Code).ToHashSet());
            sizes.Add(result.Policy.Categories.Count);
        }

        // From the violated two alone to all but one.
        Assert.Equal(Enumerable.Range(2, 12), sizes.Order());
    }

    [Fact]
    public void Dropping_the_violated_categories_makes_the_row_safe()
    {
        var result = PolicyAugmentation.Apply(new PolicyTarget(_policy, true, ["S2", "S10"]), new AugmentationRates { DropViolated = 1 }, new Random(1));

        Assert.False(result.Unsafe);
        Assert.Empty(result.Categories);
        Assert.Equal(_policy.Categories.Where(c => c.Code is not ("S2" or "S10")), result.Policy.Categories);
    }

    [Fact]
    public void An_unsafe_row_without_categories_stays_unsafe_and_keeps_every_category()
    {
        var result = PolicyAugmentation.Apply(new PolicyTarget(_policy, true, []), new AugmentationRates { DropOther = 1, DropViolated = 1, Shuffle = 1 }, new Random(1));

        Assert.True(result.Unsafe);
        Assert.Empty(result.Categories);
        Assert.Equal(_policy.Categories.Select(c => c.Name).Order(), result.Policy.Categories.Select(c => c.Name).Order());
    }

    [Fact]
    public void A_row_that_violates_the_whole_policy_is_never_left_without_one()
    {
        var only = new PolicyTarget(_policy.Only("S5"), true, ["S5"]);

        Assert.Same(only, PolicyAugmentation.Apply(only, new AugmentationRates { DropOther = 1, DropViolated = 1 }, new Random(1)));
    }

    [Fact]
    public void A_shuffle_moves_texts_and_thresholds_together_and_numbers_them_from_one()
    {
        var own = Policy.Create("own", [new("S7", "Seven", "about seven"), new("S9", "Nine"), new("S42", "Forty-two")], new Dictionary<string, double> { ["S42"] = 0.2 });
        var orders = new HashSet<string>();
        var random = new Random(5);
        for (var i = 0; i < 200; i++)
        {
            var result = PolicyAugmentation.Apply(new PolicyTarget(own, true, ["S42"]), new AugmentationRates { Shuffle = 1 }, random);

            Assert.Equal(["S1", "S2", "S3"], result.Policy.Categories.Select(c => c.Code));
            Assert.Equal("about seven", result.Policy.Categories.Single(c => c.Name == "Seven").Description);
            Assert.Equal(result.Categories, result.Policy.Categories.Where(c => c.Name == "Forty-two").Select(c => c.Code));
            Assert.Equal(0.2, result.Policy.Thresholds[result.Categories[0]]);
            orders.Add(string.Join(' ', result.Policy.Categories.Select(c => c.Name)));
        }

        Assert.Equal(6, orders.Count);
    }

    [Fact]
    public void Each_change_comes_as_often_as_its_rate_says_and_alone()
    {
        var random = new Random(11);
        var row = new PolicyTarget(_policy, true, ["S1"]);
        var results = Enumerable.Range(0, 20_000).Select(_ => PolicyAugmentation.Apply(row, new AugmentationRates { DropViolated = 0.1, DropOther = 0.3 }, random)).ToList();

        // Standard errors: .002 and .003.
        Assert.InRange(results.Count(r => !r.Unsafe) / 20_000.0, 0.09, 0.11);
        Assert.InRange(results.Where(r => r.Unsafe).Average(r => r.Policy.Categories.Count < 14 ? 1 : 0), 0.28, 0.32);
    }

    [Fact]
    public void A_rate_does_not_move_the_dice_of_another()
    {
        var row = new PolicyTarget(_policy, true, ["S1"]);
        List<bool> Dropped(double shuffle)
        {
            var seeds = Enumerable.Range(0, 300);
            return [.. seeds.Select(seed => PolicyAugmentation.Apply(row, new AugmentationRates { DropViolated = 0.5, Shuffle = shuffle }, new Random(seed)).Unsafe)];
        }

        Assert.Equal(Dropped(0), Dropped(1));
    }

    [Fact]
    public void Random_rows_keep_what_they_violate_by_name()
    {
        var codes = _policy.Categories.Select(c => c.Code).ToArray();
        Gen.Select(Gen.Int[0, 16383], Gen.Bool, Gen.Double[0, 1], Gen.Double[0, 1], Gen.Double[0, 1], Gen.Int).Sample((mask, labelled, other, shuffle, violated, seed) =>
        {
            string[] categories = [.. codes.Where((_, i) => labelled && (mask >> i & 1) == 1)];
            var row = new PolicyTarget(_policy, categories.Length > 0 || !labelled, categories);
            var rates = new AugmentationRates { DropOther = other, Shuffle = shuffle, DropViolated = violated };
            var result = PolicyAugmentation.Apply(row, rates, new Random(seed));
            var again = PolicyAugmentation.Apply(row, rates, new Random(seed));

            string[] Names(PolicyTarget target) => [.. target.Policy.Categories.Where(c => target.Categories.Contains(c.Code)).Select(c => c.Name).Order()];
            var left = result.Policy.Categories.Select(c => c.Name).ToHashSet();
            Assert.NotEmpty(left);
            Assert.Equal(result.Policy.Version, again.Policy.Version);
            Assert.Equal(result.Categories, again.Categories);
            Assert.Equal(result.Categories, result.Policy.Categories.Select(c => c.Code).Where(result.Categories.Contains));
            // Safe stays safe; unsafe keeps all it violates, or loses all of it and is safe; nothing between.
            if (!row.Unsafe)
                Assert.False(result.Unsafe);
            if (result.Unsafe)
                Assert.Equal(Names(row), Names(result));
            else
                Assert.DoesNotContain(Names(row), left.Contains);
            if (row is { Unsafe: true, Categories.Count: 0 })
                Assert.True(result.Unsafe);
            // Names stay paired with nothing else: each is one of the policy's, once.
            Assert.Subset(_policy.Categories.Select(c => c.Name).ToHashSet(), left);
            Assert.Equal(result.Policy.Categories.Count, left.Count);
        }, iter: 2000);
    }

    [Theory]
    [InlineData(-0.1)]
    [InlineData(1.1)]
    [InlineData(double.NaN)]
    public void A_rate_out_of_range_is_named(double rate)
    {
        var error = Assert.Throws<GuardException>(() => PolicyAugmentation.Apply(new PolicyTarget(_policy, false, []), new AugmentationRates { Shuffle = rate }, new Random(1)));

        Assert.Contains("Shuffle", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_label_that_contradicts_itself_or_the_policy_is_an_error()
    {
        Assert.Contains("safe but", Assert.Throws<GuardException>(() => PolicyAugmentation.Apply(new PolicyTarget(_policy, false, ["S1"]), new AugmentationRates(), new Random(1))).Message, StringComparison.Ordinal);
        Assert.Contains("S14", Assert.Throws<GuardException>(() => PolicyAugmentation.Apply(new PolicyTarget(_policy.Without("S14"), true, ["S14"]), new AugmentationRates(), new Random(1))).Message, StringComparison.Ordinal);
    }
}
