using System.Net;
using GuardSharp.Server;
using Microsoft.Extensions.Configuration;

namespace GuardSharp.Tests.Server.Hosting;

public sealed class LiveConfigurationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_changed_policy_is_used_and_a_broken_one_is_not()
    {
        _folder.Write("server.json", """{"GuardSharp":{"Urls":"http://127.0.0.1:0","Policies":{"shop":{"Categories":["S1","S2"]}}}}""");
        await using var server = GuardServer.Create(configuration => configuration.AddJsonFile(_folder["server.json"]));
        await server.StartAsync(TestContext.Current.CancellationToken);
        await server.Ready.WaitAsync(TestContext.Current.CancellationToken);
        using var client = new HttpClient { BaseAddress = server.Addresses[0] };
        var root = (IConfigurationRoot)server.Services.GetService(typeof(IConfiguration))!;
        var first = await PoliciesAsync(client);
        Assert.Contains("\"code\":\"S2\"", first);

        _folder.Write("server.json", """{"GuardSharp":{"Urls":"http://127.0.0.1:0","Policies":{"shop":{"Categories":["S77"]}}}}""");
        root.Reload();
        Assert.Equal(first, await PoliciesAsync(client));

        // A file that is emptied by accident takes no policy away.
        _folder.Write("server.json", "{}");
        root.Reload();
        Assert.Equal(first, await PoliciesAsync(client));

        _folder.Write("server.json", """{"GuardSharp":{"Urls":"http://127.0.0.1:0","Policies":{"shop":{"Categories":["S1"],"Thresholds":{"S1":0.25}}}}}""");
        root.Reload();
        var second = await PoliciesAsync(client);
        Assert.DoesNotContain("\"code\":\"S2\"", second);
        Assert.Contains("\"thresholds\":{\"S1\":0.25}", second);
    }

    [Fact]
    public async Task A_policy_of_a_file_follows_the_file()
    {
        var file = _folder.Write("shop.json", """{"name":"shop","categories":["S1","S2"]}""");
        await using var server = await TestServer.StartAsync(("GuardSharp:Policies:shop:Path", file));
        Assert.Contains("\"code\":\"S2\"", await PoliciesAsync(server.Client));

        _folder.Write("shop.json", """{"name":"shop","categories":["S1"]}""");
        while ((await PoliciesAsync(server.Client)).Contains("\"code\":\"S2\"", StringComparison.Ordinal))
        {
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task The_policy_of_a_model_is_applied_where_the_request_names_none()
    {
        await using var server = await TestServer.StartAsync(
            ("GuardSharp:Models:tiny:Policy", "shop"), ("GuardSharp:Models:tiny:Threshold", "0.9"), ("GuardSharp:Policies:shop:Categories:0", "S1"), ("GuardSharp:Policies:shop:Categories:1", "S9"));
        var (status, verdict) = await server.PostAsync("/v1/guard/classify", """{"messages":[{"role":"user","content":"hello"}]}""");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.StartsWith("shop@", verdict.GetProperty("policyVersion").GetString());
        Assert.Equal(0.9, verdict.GetProperty("threshold").GetDouble());
    }

    [Theory]
    [InlineData("GuardSharp:Policies:shop:Categories:0", "S77")]
    [InlineData("GuardSharp:Policies:shop:Category:0", "S1")]
    [InlineData("GuardSharp:Policies:shop:Thresholds:S1", "much")]
    [InlineData("GuardSharp:Policies:shop:Path", "/nowhere.json")]
    [InlineData("GuardSharp:Models:tiny:Policy", "none")]
    [InlineData("GuardSharp:Models:tiny:Treshold", "0.4")]
    public async Task What_cannot_be_used_keeps_the_server_from_starting(string key, string value) =>
        await Assert.ThrowsAnyAsync<GuardException>(() => TestServer.StartAsync((key, value)));

    private static Task<string> PoliciesAsync(HttpClient client) => client.GetStringAsync("/v1/guard/policies", TestContext.Current.CancellationToken);
}
