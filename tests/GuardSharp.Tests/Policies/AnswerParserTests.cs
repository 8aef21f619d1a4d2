using GuardSharp.Policies;

namespace GuardSharp.Tests.Policies;

public sealed class AnswerParserTests
{
    [Theory]
    [InlineData("safe", false, "", "")]
    [InlineData("\n\nsafe", false, "", "")]
    [InlineData("safe\n", false, "", "")]
    [InlineData("unsafe", true, "", "")]
    [InlineData("\n\nunsafe\nS1", true, "S1", "")]
    [InlineData("unsafe\nS1,S10", true, "S1,S10", "")]
    [InlineData("unsafe\nS2, S1,S2", true, "S2,S1", "")]
    [InlineData("unsafe S1,S2", true, "S1,S2", "")]
    [InlineData("unsafe\nS15,S1", true, "S1", "S15")]
    public void An_answer_of_the_grammar_is_understood(string answer, bool @unsafe, string known, string unknown)
    {
        var parsed = AnswerParser.Parse(answer, Policy.MlCommons);
        Assert.Equal((@unsafe, known, unknown), (parsed.Unsafe, string.Join(',', parsed.Categories), string.Join(',', parsed.UnknownCodes)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("safe to say that this is a bomb")]
    [InlineData("safe\nS1")]
    [InlineData("unsafeS1")]
    [InlineData("unsafe\nS1;S2")]
    [InlineData("unsafe\nS01")]
    [InlineData("unsafe\nS1,")]
    [InlineData("unsafe\n\nS1")]
    [InlineData("Safe")]
    [InlineData("I cannot judge this.\nunsafe")]
    public void An_answer_that_is_neither_safe_nor_unsafe_is_an_error(string answer)
    {
        var error = Assert.Throws<InvalidAnswerException>(() => AnswerParser.Parse(answer, Policy.MlCommons));
        Assert.Contains($"{answer.Length} characters", error.Message, StringComparison.Ordinal);
    }
}
