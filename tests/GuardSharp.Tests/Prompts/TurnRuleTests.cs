using GuardSharp.Conversations;
using GuardSharp.Policies;
using GuardSharp.Prompts;

namespace GuardSharp.Tests.Prompts;

public sealed class TurnRuleTests
{
    private static readonly Turn _system = new(Role.System, [new TextPart("Be kind.")]);
    private static readonly Turn _call = new(Role.Assistant, [new TextPart("Let me look."), new ToolCallPart("find", """{ "q": "caf\u00e9" }""")]);
    private static readonly Turn _result = new(Role.Tool, [new TextPart("3 hits")]);

    [Fact]
    public void An_empty_conversation_is_an_error() => Refused("is empty", []);

    [Fact]
    public void Two_user_turns_in_a_row_are_an_error() =>
        Refused("Turns 2 and 3 are both User turns", _system, Turn.User("a"), Turn.User("b"));

    [Fact]
    public void Two_answers_in_a_row_are_an_error() =>
        Refused("Turns 2 and 3 are both Assistant turns", Turn.User("a"), Turn.Assistant("b"), Turn.Assistant("c"));

    [Fact]
    public void A_conversation_starts_with_the_user()
    {
        Refused("is the first and its role is Assistant", Turn.Assistant("a"));
        Refused("is the first and its role is Tool", _result);
    }

    [Fact]
    public void A_system_turn_is_never_judged()
    {
        Refused("the last one, has the role System", Turn.User("a"), _system);
        Refused("the last one, has the role System", _system);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" \n\t")]
    [InlineData("\u001C\u3000")]
    public void A_turn_of_nothing_but_blanks_is_an_error(string text) => Refused("Turn 1 (User) is empty", Turn.User(text));

    [Fact]
    public void A_tool_call_of_a_user_is_an_error() =>
        Refused("Only assistant turns call tools", new Turn(Role.User, [new ToolCallPart("f", "{}")]));

    [Theory]
    [InlineData(" a \n", "a")]
    [InlineData("\u001C\u00A0a\u2003\u001F", "a")]
    [InlineData("\u200Ba\u200B", "\u200Ba\u200B")]
    public void Texts_are_trimmed_as_the_template_trims(string text, string expected) => Assert.Equal(expected, Lines(new(), Turn.User(text)).Single());

    [Fact]
    public void Empty_texts_beside_others_are_left_out() =>
        Assert.Equal(["a"], Lines(new(), new Turn(Role.User, [new TextPart(" "), new TextPart("a"), new TextPart("")])));

    [Fact]
    public void System_turns_enter_as_context_on_demand()
    {
        Assert.Equal(["a"], Lines(new(), _system, Turn.User("a")));
        Assert.Equal(["System instructions: Be kind.", "a"], Lines(new() { IncludeSystem = true }, _system, Turn.User("a")));
    }

    [Fact]
    public void A_call_is_a_line_of_the_assistant_and_a_result_is_evidence_of_the_user()
    {
        Turn[] turns = [Turn.User("a"), _call, _result, _result, Turn.Assistant("3")];
        Assert.Equal(
            ["a", "Let me look.", """{"name":"find","arguments":{"q":"café"}}""", "Tool result: 3 hits", "Tool result: 3 hits", "3"],
            Lines(new(), turns));
        Assert.Equal(["a", "Let me look."], Lines(new() { ToolTurns = ToolTurns.Omit }, [.. turns[..2]]));
        Assert.Equal(
            VerdictTask.PromptClassification,
            PromptBuilder.Build(PromptVariant.Clean, new(turns[..3]), Policy.MlCommons, new()).Task);
        var refused = Assert.Throws<InvalidConversationException>(() => Lines(new() { ToolTurns = ToolTurns.Refuse }, turns));
        Assert.Contains("ToolTurns is Refuse", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_judged_turn_that_is_left_out_is_an_error()
    {
        var options = new PromptOptions { ToolTurns = ToolTurns.Omit };
        Assert.Throws<InvalidConversationException>(() => Lines(options, Turn.User("a"), _call, _result));
        var callOnly = new Turn(Role.Assistant, [new ToolCallPart("f", "{}")]);
        Assert.Throws<InvalidConversationException>(() => Lines(options, Turn.User("a"), callOnly));
    }

    [Fact]
    public void Damaged_arguments_of_a_call_are_judged_as_a_string() => Assert.Equal(
        """{"name":"f","arguments":"{\"q\":"}""", Lines(new(), Turn.User("a"), new Turn(Role.Assistant, [new ToolCallPart("f", "{\"q\":")]))[1]);

    [Fact]
    public void Arguments_with_half_a_surrogate_pair_are_judged_as_a_string()
    {
        // Built here: an attribute would store the half as other characters.
        var half = ((char)0xD800).ToString();
        foreach (var (arguments, expected) in new[] { ("{\"q\":\"\\ud800\"}", "\\\\ud800"), ($"{{\"q\":\"{half}\"}}", "\\uFFFD") })
        {
            var line = Lines(new(), Turn.User("a"), new Turn(Role.Assistant, [new ToolCallPart("f", arguments)]))[1];
            Assert.Equal($"{{\"name\":\"f\",\"arguments\":\"{{\\\"q\\\":\\\"{expected}\\\"}}\"}}", line);
        }
    }

    [Fact]
    public void A_part_of_an_unknown_kind_is_an_error_and_not_left_out() =>
        Refused("unknown kind SoundPart", new Turn(Role.User, [new TextPart("a"), new SoundPart()]));

    private sealed record SoundPart : ContentPart;

    private static string[] Lines(PromptOptions options, params Turn[] turns) =>
        [.. TurnReader.Read(new(turns), options).Turns.SelectMany(t => t.Texts.Select(text => t.Label + text))];

    private static void Refused(string expected, params Turn[] turns)
    {
        foreach (var variant in Enum.GetValues<PromptVariant>())
        {
            var error = Assert.Throws<InvalidConversationException>(() => PromptBuilder.Build(variant, new(turns), Policy.MlCommons, new()));
            Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        }
    }
}
