using GuardSharp.Hub;

namespace GuardSharp.Tests.Hub;

public sealed class HubOptionsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("", "{user}/.cache/huggingface/hub")]
    [InlineData("XDG_CACHE_HOME=/x", "/x/huggingface/hub")]
    [InlineData("HF_HOME=/h XDG_CACHE_HOME=/x", "/h/hub")]
    [InlineData("HF_HOME=~/h", "{user}/h/hub")]
    [InlineData("HF_HUB_CACHE=/c HF_HOME=/h", "/c")]
    public void The_cache_is_where_the_hubs_own_tools_have_it(string environment, string expected) =>
        Assert.Equal(expected.Replace("{user}", _folder.Path, StringComparison.Ordinal), Read(environment).CacheFolder);

    [Fact]
    public void The_token_is_that_of_the_environment_else_that_of_the_file()
    {
        Assert.Null(Read("").Token);
        Directory.CreateDirectory(_folder["home"]);
        File.WriteAllText(Path.Combine(_folder["home"], "token"), "hf_file\n");
        Assert.Equal("hf_file", Read($"HF_HOME={_folder["home"]}").Token);
        Assert.Equal("hf_variable", Read($"HF_HOME={_folder["home"]} HF_TOKEN=hf_variable").Token);
        Assert.Equal("hf_file", Read($"HF_TOKEN_PATH={_folder["home"]}/token").Token);
    }

    [Fact]
    public void A_token_does_not_go_out_in_the_clear()
    {
        using var mine = new ModelHub(Read("HF_TOKEN=x HF_ENDPOINT=http://localhost:1"));
        using var other = new ModelHub(Read("HF_TOKEN=x HF_ENDPOINT=https://mirror.example"));
        var error = Assert.Throws<HubException>(() => new ModelHub(Read("HF_TOKEN=hf_secret HF_ENDPOINT=http://mirror.example")));
        Assert.DoesNotContain("hf_secret", error.Message);
    }

    [Theory]
    [InlineData("hf_a\nhf_b")]
    [InlineData("hf_sécret")]
    [InlineData("hf_\u0001")]
    public void A_token_that_no_header_takes_is_refused_and_not_shown(string token)
    {
        var error = Assert.Throws<HubException>(() => new ModelHub(Read($"HF_TOKEN={token}")));
        Assert.Contains("on one line", error.Message);
        Assert.DoesNotContain("hf_", error.Message);
    }

    [Fact]
    public void A_cache_without_a_name_is_refused() => Assert.Contains("--cache", Assert.Throws<HubException>(() => new ModelHub(Read("").With("", offline: false))).Message);

    [Theory]
    [InlineData("HF_ENDPOINT=https://mirror.example/hub", "https://mirror.example/hub/")]
    [InlineData("", "https://huggingface.co/")]
    public void The_endpoint_may_be_a_mirror(string environment, string expected) => Assert.Equal(expected, Read(environment).Endpoint.ToString());

    [Fact]
    public void An_endpoint_that_is_no_address_is_refused() => Assert.Throws<HubException>(() => Read("HF_ENDPOINT=ftp://x"));

    [Fact]
    public void Offline_is_what_the_variable_says()
    {
        Assert.True(Read("HF_HUB_OFFLINE=1").Offline);
        Assert.False(Read("HF_HUB_OFFLINE=0").Offline);
        Assert.True(Read("").With(null, offline: true).Offline);
    }

    private HubOptions Read(string environment)
    {
        var variables = environment.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(part => part.Split('=', 2)).ToDictionary(part => part[0], part => part[1]);
        return HubOptions.FromEnvironment(variables.GetValueOrDefault, _folder.Path);
    }
}
