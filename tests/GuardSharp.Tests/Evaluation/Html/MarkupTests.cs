using GuardSharp.Evaluation.Html;

namespace GuardSharp.Tests.Evaluation.Html;

public sealed class MarkupTests
{
    [Theory]
    [InlineData("<script>alert('x')</script>", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;")]
    [InlineData("\" onmouseover=\"", "&quot; onmouseover=&quot;")]
    [InlineData("&lt;", "&amp;lt;")]
    [InlineData("a\u202Eb\u2066c\u200Fd", "a[U+202E]b[U+2066]c[U+200F]d")]
    [InlineData("nul\0 bell\a next\u0085", "nul[U+0000] bell[U+0007] next[U+0085]")]
    [InlineData("Grüße 你好 👋🏽\n\t", "Grüße 你好 👋🏽\n\t")]
    public void What_is_put_in_is_text(string text, string html) => Assert.Equal($"<p>{html}</p>", Markup.Of($"<p>{text}</p>").Html);

    [Fact]
    public void Pieces_are_put_in_as_they_are_and_numbers_are_the_same_in_every_country()
    {
        var piece = Markup.Of($"<b>{1234567}</b>");
        // Half of a surrogate pair is no letter.
        Assert.Equal("half \uFFFD", Markup.Of($"{"half \uD800"}").Html);
        Assert.Equal("<p><b>1,234,567</b> 0.50</p>", Markup.Of($"<p>{piece} {0.5:0.00}</p>").Html);
    }
}
