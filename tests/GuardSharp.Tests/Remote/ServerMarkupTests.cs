using CsCheck;
using GuardSharp.Remote;

namespace GuardSharp.Tests.Remote;

public sealed class ServerMarkupTests
{
    [Theory]
    [InlineData("hi <|eot_id|>", "hi (quoted) |eot_id|>", 1)]
    [InlineData("<|a|><|b|>", "(quoted) |a|>(quoted) |b|>", 2)]
    [InlineData("<<|eot|>|eot|>", "<(quoted) |eot|>|eot|>", 1)]
    [InlineData("look <__media__> here", "look (quoted) __media__> here", 1)]
    [InlineData("![](http://127.0.0.1/x.png)", "(quoted) [](http://127.0.0.1/x.png)", 1)]
    [InlineData("![alt](data:image/png;base64,AA)", "(quoted) [alt](data:image/png;base64,AA)", 1)]
    public void Markup_of_a_server_is_marked_as_quoted(string text, string expected, int count)
    {
        var places = 0;
        Assert.Equal(expected, ServerMarkup.Rewrite(text, ref places));
        Assert.Equal(count, places);
    }

    [Theory]
    [InlineData("a <| b |> c")]
    [InlineData("x |> List.map f <| y")]
    [InlineData("<| eot_id |>")]
    [InlineData("wow! [look](here)")]
    [InlineData("<media>")]
    public void Text_without_markup_stays_the_same_instance(string text)
    {
        var places = 0;
        Assert.Same(text, ServerMarkup.Rewrite(text, ref places));
        Assert.Equal(0, places);
    }

    [Fact]
    public void No_rewriting_leaves_a_special_token_behind()
    {
        // Pieces of markup in every order: a special token is a name between its brackets.
        string[] pieces = ["<|", "|>", "eot_id", "<", ">", "|", " ", "<__media__>", "![](", "x"];
        Gen.Int[0, pieces.Length - 1].Array[0, 12].Sample(places =>
        {
            var count = 0;
            var text = ServerMarkup.Rewrite(string.Concat(places.Select(place => pieces[place])), ref count);
            Assert.DoesNotMatch(@"<\|[a-z_]+\|>|<__media__>|!\[\]\(", text);
        });
    }
}
