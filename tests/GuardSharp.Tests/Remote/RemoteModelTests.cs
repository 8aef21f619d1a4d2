using System.Net;
using GuardSharp.Tests.Server;

namespace GuardSharp.Tests.Remote;

/// <summary>A server whose model is another server's.</summary>
public sealed class RemoteModelTests
{
    private const string Body = """{"messages":[{"role":"user","content":"How do I pick a lock?"}]}""";

    [Fact]
    public async Task A_model_of_configuration_may_run_behind_another_server()
    {
        await using var model = await FakeModelServer.StartAsync(RemoteBodies.Chat("unsafe\nS2", ("unsafe", [("unsafe", 0.8), ("safe", 0.2)]), ("\n", [("\n", 1)]), ("S", [("S", 1)]), ("2", [("2", 1)]), ("", [("", 1)])));
        await using var server = await TestServer.StartAsync([.. Settings(model), ("GuardSharp:Models:far:Remote:ApiKey", "secret")]);
        var (status, body) = await server.PostAsync("/v1/guard/classify", Body);
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(0.8, body.GetProperty("unsafeProbability").GetDouble(), 1e-9);
        Assert.Equal("served-name", body.GetProperty("model").GetString());
        Assert.Equal("Bearer secret", model.Requests.Single().Authorization);
    }

    [Theory]
    [InlineData("I am no guard.", 200, HttpStatusCode.BadGateway, "no_verdict")]
    [InlineData("", 401, HttpStatusCode.BadGateway, "no_verdict")]
    [InlineData("", 500, HttpStatusCode.ServiceUnavailable, "model_unavailable")]
    public async Task Without_a_verdict_of_its_model_the_server_answers_with_an_error_that_names_no_address(string answer, int modelStatus, HttpStatusCode expected, string code)
    {
        await using var model = await FakeModelServer.StartAsync(RemoteBodies.Chat(answer), modelStatus);
        await using var server = await TestServer.StartAsync([.. Settings(model), ("GuardSharp:Models:far:Remote:Retries", "0")]);
        var (status, body) = await server.PostAsync("/v1/guard/classify", Body);
        Assert.Equal((expected, code), (status, body.GetProperty("error").GetProperty("code").GetString()));
        Assert.DoesNotContain(model.Address.Port.ToString(System.Globalization.CultureInfo.InvariantCulture), body.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GuardSharp:Models:far:Remote:PromptVariant", null, "PromptVariant")]
    [InlineData("GuardSharp:Models:far:Folder", "/models/guard", "one place")]
    [InlineData("GuardSharp:Models:far:Remote:Retrys", "3", "Retrys")]
    [InlineData("GuardSharp:Models:far:Remote:Model", "", "Model")]
    public async Task A_remote_model_that_is_not_fully_described_keeps_the_server_from_starting(string key, string? value, string named)
    {
        await using var model = await FakeModelServer.StartAsync("{}");
        var error = await Assert.ThrowsAsync<GuardException>(() => TestServer.StartAsync([.. Settings(model), (key, value)]));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    private static (string, string?)[] Settings(FakeModelServer model) =>
    [
        ("GuardSharp:Models:far:Remote:Endpoint", model.Address.ToString()),
        ("GuardSharp:Models:far:Remote:Model", "guard"),
        ("GuardSharp:Models:far:Remote:PromptVariant", "HuggingFace"),
    ];
}
