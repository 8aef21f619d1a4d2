using System.Net;
using GuardSharp.Server.Judging;
using GuardSharp.Server.Security;
using Microsoft.AspNetCore.Http;

namespace GuardSharp.Tests.Server.Security;

public sealed class ApiKeyTests
{
    private const string Path = "/v1/guard/classify";
    private const string Hello = """{"messages":[{"role":"user","content":"hello"}]}""";

    private static readonly string _key = ApiKeys.Create();

    private static readonly (string, string?) _configured = ("GuardSharp:Keys:alice:Sha256", ApiKeys.HashOf(_key));

    [Fact]
    public async Task Only_a_key_of_configuration_is_let_in()
    {
        await using var server = await TestServer.StartAsync(_configured);
        foreach (var (key, status) in new[] { (null, 401), (_key[..^1], 401), (_key + "x", 401), (new string('x', 10_000), 401), (_key, 200) })
        {
            var (seen, body) = await server.PostAsync(Path, Hello, key);
            Assert.Equal(status, (int)seen);
            Assert.Equal(status == 401 ? "invalid_api_key" : null, status == 200 ? null : body.GetProperty("error").GetProperty("code").GetString());
        }
    }

    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("203.0.113.7", false)]
    public async Task Without_keys_decisions_and_metrics_are_for_this_machine_alone(string address, bool let)
    {
        using var keys = new ApiKeys();
        foreach (var rights in new[] { CallerRights.Review, CallerRights.Metrics })
        {
            var context = new DefaultHttpContext { Connection = { RemoteIpAddress = IPAddress.Parse(address) } };
            context.SetEndpoint(new Endpoint(null, new EndpointMetadataCollection(new RequiredRights(rights)), "test"));
            var middleware = new CallerMiddleware(_ => Task.CompletedTask, keys);
            var error = await Record.ExceptionAsync(() => middleware.InvokeAsync(context));
            Assert.Equal(let ? null : 403, (error as ApiException)?.Status);
        }
    }

    [Fact]
    public async Task A_key_may_come_in_either_header()
    {
        await using var server = await TestServer.StartAsync(_configured);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models") { Headers = { { "x-api-key", _key } } };
        using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task A_key_without_the_right_is_refused()
    {
        await using var server = await TestServer.StartAsync(_configured, ("GuardSharp:Keys:alice:Rights", "Metrics, Review"));
        var (status, body) = await server.PostAsync(Path, Hello, _key);
        Assert.Equal((HttpStatusCode.Forbidden, "insufficient_rights"), (status, body.GetProperty("error").GetProperty("code").GetString()));
    }

    [Fact]
    public async Task A_key_that_calls_too_often_is_told_when_to_come_again()
    {
        await using var server = await TestServer.StartAsync(_configured, ("GuardSharp:Keys:alice:RequestsPerMinute", "1"), ("GuardSharp:Keys:alice:Burst", "2"));
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await server.GetAsync("/v1/models", _key)).Status);
        }

        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models") { Headers = { { "x-api-key", _key } } };
        using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
        Assert.InRange(response.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
    }

    [Fact]
    public async Task Health_needs_no_key()
    {
        await using var server = await TestServer.StartAsync(_configured);
        Assert.Equal(HttpStatusCode.OK, (await server.GetAsync("/health/live")).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.GetAsync("/health/ready")).Status);
    }

    [Theory]
    [InlineData("Sha256", "abc")]
    [InlineData("Rights", "Clasify")]
    [InlineData("Rights", "31")]
    [InlineData("Right", "Classify")]
    [InlineData("RequestsPerMinute", "-1")]
    public async Task A_key_that_is_configured_wrongly_keeps_the_server_from_starting(string setting, string value)
    {
        var error = await Assert.ThrowsAsync<GuardException>(() => TestServer.StartAsync(_configured, ("GuardSharp:Keys:alice:" + setting, value)));
        Assert.Contains("GuardSharp:Keys:alice", error.Message);
    }

    [Fact]
    public async Task Without_keys_the_server_listens_to_this_machine_alone()
    {
        var error = await Assert.ThrowsAsync<GuardException>(() => TestServer.StartAsync(("GuardSharp:Urls", "http://0.0.0.0:0")));
        Assert.Contains("guardsharp serve key", error.Message);
        await using var allowed = await TestServer.StartAsync(("GuardSharp:Urls", "http://0.0.0.0:0"), ("GuardSharp:AllowAnonymous", "true"));
        Assert.NotEmpty(allowed.Server.Addresses);
    }

    [Fact]
    public async Task Without_keys_the_server_answers_to_this_machines_names_alone()
    {
        await using var server = await TestServer.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models") { Headers = { Host = "evil.example" } };
        using var response = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.MisdirectedRequest, response.StatusCode);
    }
}
