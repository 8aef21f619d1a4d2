using GuardSharp.Policies;

namespace GuardSharp.Tests.Policies;

public sealed class VerdictReaderTests
{
    private static readonly int[] _stops = [900, 901];
    private static readonly Policy _policy = Policy.MlCommons.Only("S1", "S2", "S10", "S14");
    private static readonly ReadingOptions _exhaustive = new() { CategoryTolerance = 0, MaxExpansions = int.MaxValue };

    public static TheoryData<int, bool> Seeds => [.. from seed in Enumerable.Range(0, 20) from digits in new[] { false, true } select (seed, digits)];

    [Theory, MemberData(nameof(Seeds))]
    public async Task Category_probabilities_equal_the_enumeration_of_all_lists(int seed, bool digits)
    {
        var (grammar, tokenizer) = Compile(digits);
        var model = new FakeModel(0, seed);
        var reading = await new VerdictReader(grammar, _exhaustive with { Threshold = 0 }).ReadAsync(model, default);
        var brute = new BruteForce(grammar.Codes, tokenizer.Encode, _stops);
        // Products of at most 12 factors in double: far below 1e-6.
        foreach (var (code, p) in brute.Probabilities(model, tokenizer.Encode("\n\n")))
            Assert.Equal(reading.UnsafeProbability * p, reading.CategoryProbabilities[code], 1e-6);
        Assert.Equal(0, reading.CategoryUncertainty, 1e-9);
        Assert.Equal(brute.Greedy(model, tokenizer.Encode("\n\n")), reading.Categories);
    }

    [Theory, MemberData(nameof(Seeds))]
    public async Task What_is_left_out_lies_within_the_uncertainty(int seed, bool digits)
    {
        var (grammar, tokenizer) = Compile(digits);
        var model = new FakeModel(0, seed);
        var reading = await new VerdictReader(grammar, new ReadingOptions()).ReadAsync(model, default);
        foreach (var (code, p) in new BruteForce(grammar.Codes, tokenizer.Encode, _stops).Probabilities(model, tokenizer.Encode("\n\n")))
        {
            var value = reading.CategoryProbabilities[code];
            Assert.InRange(reading.UnsafeProbability * p, value - 1e-9, value + reading.CategoryUncertainty + 1e-9);
        }
    }

    [Fact]
    public async Task A_policy_of_all_fourteen_is_read_in_few_calls()
    {
        var (grammar, tokenizer) = Compile(digits: false, Policy.MlCommons);
        var model = new FakeModel(0, 4, spread: 6);
        Unsafe(model, tokenizer, 5);
        var reading = await new VerdictReader(grammar, new ReadingOptions()).ReadAsync(model, default);
        Assert.Equal(14, reading.CategoryProbabilities.Count);
        Assert.InRange(model.Calls, 2, 8);                       // the verdict and 16 expansions in batches
        Assert.InRange(model.Rows, 2, 1 + 2 * (16 + 14));        // two rows an expansion; the greedy list may go on past the sixteen
    }

    [Fact]
    public async Task A_plainly_safe_verdict_costs_one_row_and_reports_u_as_uncertainty()
    {
        var (grammar, tokenizer) = Compile(digits: false);
        var model = Unsafe(new FakeModel(0, 1), tokenizer, -8);
        var reading = await new VerdictReader(grammar, new ReadingOptions()).ReadAsync(model, default);
        Assert.False(reading.Unsafe);
        Assert.Empty(reading.Categories);
        Assert.All(reading.CategoryProbabilities.Values, p => Assert.Equal(0, p));
        Assert.Equal(reading.UnsafeProbability, reading.CategoryUncertainty);
        Assert.Equal((1, 1), (model.Calls, model.Rows));
    }

    [Fact]
    public async Task The_temperature_flattens_u()
    {
        var (grammar, tokenizer) = Compile(digits: false);
        var model = Unsafe(new FakeModel(0, 1), tokenizer, 3);
        var reading = await new VerdictReader(grammar, new ReadingOptions { Temperature = 2 }).ReadAsync(model, default);
        Assert.Equal(1 / (1 + Math.Exp(-1.5)), reading.UnsafeProbability, 1e-7);
    }

    [Fact]
    public async Task A_category_reaches_its_own_threshold_below_the_general_one()
    {
        var (grammar, tokenizer) = Compile(digits: false);
        var model = Unsafe(new FakeModel(0, 1), tokenizer, -1);
        var plain = await new VerdictReader(grammar, _exhaustive).ReadAsync(model, default);
        Assert.False(plain.Unsafe);
        var (code, p) = plain.CategoryProbabilities.MaxBy(c => c.Value);
        foreach (var (threshold, expected) in new[] { (p * 0.99, true), (Math.Min(1, p * 1.01), false) })
        {
            var options = _exhaustive with { CategoryThresholds = new Dictionary<string, double> { [code] = threshold } };
            var reading = await new VerdictReader(grammar, options).ReadAsync(model, default);
            Assert.Equal(expected, reading.Unsafe);
            Assert.Equal(expected ? [code] : [], reading.Categories);
        }
    }

    [Fact]
    public async Task Reading_the_first_code_only_says_so_and_gives_lower_bounds()
    {
        var (grammar, tokenizer) = Compile(digits: true);
        var model = Unsafe(new FakeModel(0, 2), tokenizer, 2);
        var full = await new VerdictReader(grammar, _exhaustive).ReadAsync(model, default);
        var first = await new VerdictReader(grammar, new ReadingOptions { FirstCodeOnly = true }).ReadAsync(model, default);
        Assert.Equal(first.UnsafeProbability, first.CategoryProbabilities.Values.Sum(), 1e-9);
        Assert.Equal(full.Categories.Take(1), first.Categories);
        Assert.Contains("first-code-only", Assert.Single(first.Warnings), StringComparison.Ordinal);
        foreach (var (code, p) in first.CategoryProbabilities)
            Assert.InRange(full.CategoryProbabilities[code], p - 1e-9, p + first.CategoryUncertainty + 1e-9);
    }

    [Fact]
    public async Task The_check_feeds_newlines_while_the_model_wants_them_and_measures_the_answers_mass()
    {
        var (grammar, tokenizer) = Compile(digits: false);
        var (two, one) = (tokenizer.Id("\n\n"), tokenizer.Id("\n"));
        var model = new FakeModel(tokenizer.Count, 3).With([], two, 50).With([two], one, 50)
            .With([two, one], tokenizer.Id("unsafe"), 21).With([two, one], tokenizer.Id("safe"), 20);
        var reading = await new VerdictReader(grammar, _exhaustive with { Check = true }).ReadAsync(model, default);
        Assert.Equal(1 / (1 + Math.Exp(-1)), reading.UnsafeProbability, 1e-9);
        Assert.Equal(1, reading.AnswerMass!.Value, 1e-6);
        Assert.Empty(reading.Warnings);
        foreach (var (code, p) in new BruteForce(grammar.Codes, tokenizer.Encode, _stops).Probabilities(model, [two, one]))
            Assert.Equal(reading.UnsafeProbability * p, reading.CategoryProbabilities[code], 1e-6);
    }

    [Fact]
    public async Task A_model_that_would_write_something_else_gets_the_warning_off_template()
    {
        var (grammar, tokenizer) = Compile(digits: false);
        var model = new FakeModel(tokenizer.Count, 3).With([], tokenizer.Id("S"), 20);
        var reading = await new VerdictReader(grammar, new ReadingOptions { Check = true }).ReadAsync(model, default);
        Assert.InRange(reading.AnswerMass!.Value, 0, 0.01);
        Assert.Contains("off-template", Assert.Single(reading.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(float.NaN, "NaN")]
    [InlineData(float.PositiveInfinity, "infinite")]
    [InlineData(float.NegativeInfinity, "infinite")]
    public async Task A_logit_that_is_no_finite_number_is_an_error_and_never_safe(float logit, string saying)
    {
        var (grammar, tokenizer) = Compile(digits: false);
        var prefix = tokenizer.Encode("\n\n");
        foreach (var (place, token) in new[] { (prefix, "safe"), (prefix, "unsafe"), ([.. prefix, .. grammar.ListHead, tokenizer.Id("S")], "1"), ([], "safe") })
        {
            var model = Unsafe(new FakeModel(tokenizer.Count, 1), tokenizer, 5).With(place, tokenizer.Id(token), logit);
            var options = new ReadingOptions { Check = place.Length == 0 };
            var error = await Assert.ThrowsAsync<GuardException>(async () => await new VerdictReader(grammar, options).ReadAsync(model, default));
            Assert.Contains(saying, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_model_without_a_stop_token_is_refused()
    {
        var tokenizer = new FakeTokenizer(digits: false);
        Assert.Throws<GuardException>(() => AnswerGrammar.Compile(_policy, "", tokenizer.Encode, []));
    }

    private static FakeModel Unsafe(FakeModel model, FakeTokenizer tokenizer, float margin)
    {
        var prefix = tokenizer.Encode("\n\n");
        return model.With(prefix, tokenizer.Id("safe"), 0).With(prefix, tokenizer.Id("unsafe"), margin);
    }

    private static (AnswerGrammar Grammar, FakeTokenizer Tokenizer) Compile(bool digits, Policy? policy = null)
    {
        var tokenizer = new FakeTokenizer(digits);
        return (AnswerGrammar.Compile(policy ?? _policy, "\n\n", tokenizer.Encode, _stops), tokenizer);
    }
}
