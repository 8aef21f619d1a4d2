using GuardSharp.Policies;
using GuardSharp.Remote;
using GuardSharp.Tests.Policies;

namespace GuardSharp.Tests.Remote;

public sealed class CodePathTests
{
    private static readonly int[] _stops = [900];
    private static readonly Policy _policy = Policy.MlCommons.Only("S1", "S2", "S10", "S14");

    public static TheoryData<int, bool, bool> Seeds =>
        [.. from seed in Enumerable.Range(0, 20) from digits in new[] { false, true } from names in new[] { false, true } select (seed, digits, names)];

    [Theory, MemberData(nameof(Seeds))]
    public void Every_true_probability_lies_within_the_uncertainty_of_what_one_list_tells(int seed, bool digits, bool namesTheEnd)
    {
        var tokenizer = new FakeTokenizer(digits);
        string[] codes = [.. _policy.Categories.Select(c => c.Code)];
        // All pieces of all answers get their ids first.
        foreach (var code in codes)
            tokenizer.Encode($"unsafe\n{code},{code}");
        var model = new FakeModel(0, seed);
        var brute = new BruteForce(codes, tokenizer.Encode, _stops);
        int[] prefix = tokenizer.Encode("\n\n");
        string[] list = brute.Greedy(model, prefix);
        var tokens = Written(tokenizer, model, prefix, tokenizer.Encode("unsafe\n" + string.Join(',', list)), namesTheEnd);
        var shares = new CodePath(_policy, codes).Read(tokens, 0);
        foreach (var (code, p) in brute.Probabilities(model, prefix))
            Assert.InRange(p, shares.Values[code] - 1e-9, shares.Values[code] + shares.Uncertainty + 1e-9);
        Assert.All(list, code => Assert.True(shares.Values[code] > 0));
    }

    [Fact]
    public void A_list_the_model_is_sure_of_leaves_nothing_uncertain()
    {
        var tokens = Tokens(("unsafe", [("unsafe", 1)]), ("\n", [("\n", 1)]), ("S", [("S", 1)]), ("1", [("1", 0.75), ("10", 0.25)]),
            ("<|eot_id|>", [("<|eot_id|>", 1)]));
        var shares = new CodePath(_policy, ["S1", "S2", "S10", "S14"]).Read(tokens, 0);
        Assert.Equal(0.75, shares.Values["S1"], 1e-9);
        Assert.Equal(0.25, shares.Values["S10"], 1e-9);
        // After S10 any other code might have come.
        Assert.Equal(0.25, shares.Uncertainty, 1e-9);
    }

    [Fact]
    public void Words_that_fit_no_answer_take_no_share()
    {
        var tokens = Tokens(("unsafe", [("unsafe", 1)]), ("\n", [("\n", 1)]), ("S", [("S", 0.5), ("The", 0.5)]), ("2", [("2", 0.8), (" ", 0.2)]),
            ("", [("", 0.5), (" and", 0.5)]));
        var shares = new CodePath(_policy, ["S1", "S2", "S10", "S14"]).Read(tokens, 0);
        Assert.Equal(1, shares.Values["S2"], 1e-9);
        Assert.Equal(0, shares.Uncertainty, 1e-9);
    }

    [Fact]
    public void Without_a_token_for_the_end_a_further_code_may_have_been_as_likely()
    {
        var tokens = Tokens(("unsafe", [("unsafe", 1)]), ("\nS", [("\nS", 1)]), ("2", [("2", 1)]));
        var shares = new CodePath(_policy, ["S1", "S2", "S10", "S14"]).Read(tokens, 0);
        Assert.Equal((1.0, 0.5), (shares.Values["S2"], shares.Uncertainty));
    }

    private static AnswerToken[] Tokens(params (string Text, (string, double)[] Listed)[] tokens) =>
        [.. tokens.Select(t => new AnswerToken(t.Text, t.Listed.ToDictionary(l => l.Item1, l => l.Item2)))];

    /// <summary>An answer as a server would report it: softmax over the whole vocabulary, every token listed.</summary>
    private static List<AnswerToken> Written(FakeTokenizer tokenizer, FakeModel model, int[] prefix, int[] ids, bool namesTheEnd)
    {
        var texts = Enumerable.Range(0, tokenizer.Count).ToDictionary(id => id, tokenizer.Text);
        texts[_stops[0]] = namesTheEnd ? "<|eot_id|>" : "";
        var tokens = new List<AnswerToken>();
        for (var i = 0; i <= ids.Length; i++)
        {
            int[] read = [.. prefix, .. ids[..i]];
            var weights = texts.ToDictionary(t => t.Value, t => Math.Exp(model.Logit(read, t.Key)));
            var sum = weights.Values.Sum();
            tokens.Add(new AnswerToken(texts[i < ids.Length ? ids[i] : _stops[0]], weights.ToDictionary(w => w.Key, w => w.Value / sum)));
        }

        return tokens;
    }
}
