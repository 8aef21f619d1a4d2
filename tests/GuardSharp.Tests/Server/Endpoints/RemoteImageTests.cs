using System.Net;
using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Server.Images;
using GuardSharp.Server.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace GuardSharp.Tests.Server.Endpoints;

/// <summary>Images that a request names by URL, from a host on this machine, which only these tests allow.</summary>
public sealed class RemoteImageTests : IAsyncLifetime
{
    private const string Moderations = "/v1/moderations";

    private readonly RecordingGuard _guard = new();
    private WebApplication _images = null!;
    private int _asked;

    private string Host => new Uri(_images.Urls.First()).Authority;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _images = builder.Build();
        _images.MapGet("/{name}.png", () =>
        {
            Interlocked.Increment(ref _asked);
            return Results.Bytes(TestPicture.Bytes);
        });
        await _images.StartAsync();
    }

    public async ValueTask DisposeAsync() => await _images.DisposeAsync();

    [Fact]
    public async Task An_image_is_fetched_once_and_judged_wherever_it_is_named()
    {
        await using var server = await StartAsync();
        await server.GetAnswerAsync(Moderations, $$"""{"messages":[{"role":"user","content":[{{Part("a")}},{{Part("a")}},{"type":"text","text":"what is it?"}]}]}""");
        Assert.Equal(1, _asked);
        var pictures = Assert.Single(_guard.Single.Turns).Parts.OfType<ImagePart>().ToArray();
        Assert.Equal(2, pictures.Length);
        Assert.All(pictures, picture => Assert.Equal(TestPicture.Bytes, picture.Data.ToArray()));
    }

    [Theory]
    [InlineData("/v1/moderations", """{"input":[PART]}""")]
    [InlineData("/v1/moderations", """{"messages":[{"role":"user","content":[PART]}]}""")]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":[PART]}]}""")]
    [InlineData("/v1/chat/moderations", """{"input":[[{"role":"user","content":[PART]}]]}""")]
    [InlineData("/beta/litellm_basic_guardrail_api", """{"images":["URL"]}""")]
    [InlineData("/v1/guard/classify", """{"messages":[{"role":"user","content":[PART]}]}""")]
    public async Task Every_form_fetches_images_and_every_form_refuses_what_is_not_allowed(string path, string json)
    {
        await using var server = await StartAsync();
        await server.GetAnswerAsync(path, json.Replace("PART", Part("a"), StringComparison.Ordinal).Replace("URL", Url("a"), StringComparison.Ordinal));
        Assert.Equal(TestPicture.Bytes, _guard.Single.Turns[0].Parts.OfType<ImagePart>().Single().Data.ToArray());
        _guard.Asked.Clear();
        foreach (var url in (string[])["http://127.0.0.1:1/a.png", "http://[::ffff:127.0.0.1]/a.png", "http://2130706433/a.png", "http://0177.0.0.1/a.png", "http://169.254.169.254/latest"])
        {
            var part = $$$"""{"type":"image_url","image_url":{"url":"{{{url}}}"}}""";
            var error = await server.GetErrorAsync(path, json.Replace("PART", part, StringComparison.Ordinal).Replace("URL", url, StringComparison.Ordinal));
            Assert.Equal("remote_image_refused", error.GetProperty("code").GetString());
            Assert.DoesNotContain(url, error.GetRawText(), StringComparison.Ordinal);
        }

        Assert.Empty(_guard.Asked);
        Assert.Equal(1, _asked);
    }

    [Fact]
    public async Task The_number_of_images_is_that_of_the_whole_request()
    {
        await using var server = await StartAsync(("GuardSharp:Images:MaxRemoteImages", "3"));
        var parts = string.Join(',', Enumerable.Range(0, 4).Select(i => Part($"{i}")));
        var conversations = string.Join(',', Enumerable.Range(0, 4).Select(i => $$"""[{"role":"user","content":[{{Part($"{i}")}}]}]"""));
        foreach (var (path, json) in ((string, string)[])[(Moderations, $$"""{"input":[{{parts}}]}"""), ("/v1/chat/moderations", $$"""{"input":[{{conversations}}]}"""),
            ("/beta/litellm_basic_guardrail_api", JsonSerializer.Serialize(new { images = Enumerable.Range(0, 4).Select(i => Url($"{i}")) }))])
        {
            Assert.Equal("too_many_images", (await server.GetErrorAsync(path, json)).GetProperty("code").GetString());
        }

        Assert.Empty(_guard.Asked);
    }

    [Fact]
    public async Task A_batch_of_our_own_form_tells_which_image_was_refused()
    {
        await using var server = await StartAsync();
        var answer = await server.GetAnswerAsync(
            "/v1/guard/classify", $$$"""{"inputs":[[{"role":"user","content":[{{{Part("a")}}}]}],[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://127.1/a.png"}}]}]]}""");
        var results = answer.GetProperty("results").EnumerateArray().ToArray();
        Assert.False(results[0].GetProperty("verdict").GetProperty("unsafe").GetBoolean());
        Assert.Equal("remote_image_refused", results[1].GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task Fetched_bytes_count_as_those_of_the_body_until_the_answer()
    {
        // A picture has 15,735 bytes: one at a time fits, two do not.
        await using var server = await StartAsync(("GuardSharp:MaxBodyBytesTogether", "30000"));
        for (var i = 0; i < 3; i++)
            await server.GetAnswerAsync(Moderations, $$"""{"input":[{{Part("a")}}]}""");
        var error = await server.GetErrorAsync(Moderations, $$"""{"input":[{{Part("a")}},{{Part("b")}}]}""", HttpStatusCode.TooManyRequests);
        Assert.Equal("server_busy", error.GetProperty("code").GetString());
        await server.GetAnswerAsync(Moderations, $$"""{"input":[{{Part("a")}}]}""");
    }

    [Fact]
    public async Task A_list_of_hosts_that_cannot_be_read_keeps_the_server_from_starting() => await Assert.ThrowsAsync<GuardException>(
        () => FormServer.StartAsync(_guard, ("GuardSharp:Images:AllowedHosts:0", "*")));

    private Task<FormServer> StartAsync(params (string Key, string? Value)[] settings) => FormServer.StartAsync(
        _guard, CallerRights.Classify, services => services.AddSingleton(new AddressRule(IPAddress.IsLoopback)),
        [("GuardSharp:Images:AllowedHosts:0", Host), ("GuardSharp:Images:AllowHttp", "true"), .. settings]);

    private string Url(string name) => $"http://{Host}/{name}.png";

    private string Part(string name) => $$$"""{"type":"image_url","image_url":{"url":"{{{Url(name)}}}"}}""";
}
