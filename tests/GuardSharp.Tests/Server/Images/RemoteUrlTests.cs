using GuardSharp.Server.Images;

namespace GuardSharp.Tests.Server.Images;

public sealed class RemoteUrlTests
{
    [Theory]
    [InlineData("https://2130706433/a.png")]            // decimal
    [InlineData("https://0x7f000001/a.png")]            // hexadecimal
    [InlineData("https://017700000001/a.png")]          // octal
    [InlineData("https://0177.0.0.1/a.png")]
    [InlineData("https://0x7f.0.0.1/a.png")]
    [InlineData("https://127.0.0.01/a.png")]
    [InlineData("https://127.1/a.png")]                 // short
    [InlineData("https://127.0.1/a.png")]
    [InlineData("https://host.0x7f/a.png")]             // a last label that is a number
    [InlineData("https://host.12/a.png")]
    [InlineData("https://127.0.0.1./a.png")]
    [InlineData("https://images.example.com./a.png")]   // the same host by another text
    [InlineData("https://good.example.com@evil.example.com/a.png")]
    [InlineData("https://user:pass@images.example.com/a.png")]
    [InlineData("https://@images.example.com/a.png")]
    [InlineData("https://good.example.com%2f@evil.example.com/a.png")]
    [InlineData("https://evil.example.com\\@good.example.com/a.png")]
    [InlineData("https:\\\\evil.example.com/a.png")]
    [InlineData("https://%31%32%37.0.0.1/a.png")]
    [InlineData("https://images.example.com /a.png")]
    [InlineData("https://images.example.com\t/a.png")]
    [InlineData("https://images.example.com\n.evil.com/a.png")]
    [InlineData("https://①②⑦.0.0.1/a.png")]
    [InlineData("https://ⓔxample.com/a.png")]
    [InlineData("https://example。com/a.png")]
    [InlineData("https://[::1%25lo]/a.png")]
    [InlineData("https://[::ffff:127.0.0.1/a.png")]
    [InlineData("https:///a.png")]
    [InlineData("https://")]
    [InlineData("https://images.example.com:0443/a.png")]
    [InlineData("https://images.example.com:/a.png")]
    [InlineData("http://images.example.com/a.png")]
    [InlineData("ftp://images.example.com/a.png")]
    [InlineData("file:///etc/passwd")]
    [InlineData("gopher://images.example.com/")]
    public void A_url_that_two_readers_could_understand_differently_is_refused(string url)
    {
        var error = Assert.Throws<ImageRefusedException>(() => RemoteUrl.Parse(url, allowHttp: false));
        Assert.DoesNotContain("example", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://images.example.com/a.png", "images.example.com", 443)]
    [InlineData("HTTPS://Images.Example.COM/A.png?x=@y#z", "images.example.com", 443)]
    [InlineData("https://images.example.com:8443/a.png", "images.example.com", 8443)]
    [InlineData("https://images.example.com?u=http://evil", "images.example.com", 443)]
    [InlineData("https://93.184.216.34/a.png", "93.184.216.34", 443)]
    [InlineData("https://[2a00:1450:4001:81b::200e]:444/a.png", "[2a00:1450:4001:81b::200e]", 444)]
    [InlineData("https://xn--bcher-kva.example/a.png", "xn--bcher-kva.example", 443)]
    public void A_plain_url_is_taken_apart(string url, string host, int port)
    {
        var parsed = RemoteUrl.Parse(url, allowHttp: false);
        Assert.Equal((host, port), (parsed.Host, parsed.Port));
    }

    [Fact]
    public void Http_has_to_be_allowed() => Assert.Equal(80, RemoteUrl.Parse("http://images.example.com/a.png", allowHttp: true).Port);

    [Theory]
    [InlineData("images.example.com", "https://images.example.com/a", true)]
    [InlineData("IMAGES.example.com", "https://images.example.com/a", true)]
    [InlineData("images.example.com", "https://images.example.com:8443/a", false)]
    [InlineData("images.example.com:8443", "https://images.example.com:8443/a", true)]
    [InlineData("images.example.com:8443", "https://images.example.com/a", false)]
    [InlineData("images.example.com", "https://x.images.example.com/a", false)]
    [InlineData("images.example.com", "https://images.example.com.evil.net/a", false)]
    [InlineData("*.example.com", "https://images.example.com/a", true)]
    [InlineData("*.example.com", "https://a.b.example.com/a", true)]
    [InlineData("*.example.com", "https://example.com/a", false)]
    [InlineData("*.example.com", "https://evilexample.com/a", false)]
    [InlineData("93.184.216.34", "https://93.184.216.34/a", true)]
    [InlineData("[2a00:1450:4001:81b::200e]", "https://[2a00:1450:4001:81b::200e]/a", true)]
    public void An_entry_allows_its_host_and_port_alone(string entry, string url, bool allowed) =>
        Assert.Equal(allowed, AllowedHost.Parse(entry).Allows(RemoteUrl.Parse(url, allowHttp: false)));

    [Theory]
    [InlineData("*")]
    [InlineData("*.com")]
    [InlineData("")]
    [InlineData("https://images.example.com")]
    [InlineData("images.example.com/path")]
    [InlineData("images.example.com:0")]
    [InlineData("images.*.com")]
    public void An_entry_that_is_no_host_is_an_error(string entry) => Assert.Throws<GuardException>(() => AllowedHost.Parse(entry));
}
