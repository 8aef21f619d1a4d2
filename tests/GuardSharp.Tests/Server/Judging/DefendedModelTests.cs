using System.Net;

namespace GuardSharp.Tests.Server.Judging;

public sealed class DefendedModelTests
{
    [Fact]
    public async Task A_configured_model_stands_behind_its_defences()
    {
        await using var server = await TestServer.StartAsync(("GuardSharp:Models:tiny:Defences:0", "normalise"), ("GuardSharp:Models:tiny:Defences:1", "jpeg:60"));
        var (status, body) = await server.PostAsync("/v1/guard/classify", """{"messages":[{"role":"user","content":"hel\u200blo"}]}""");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Contains("+normalise+jpeg:60@", body.GetRawText());
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync("/v1/guard/prompt", """{"messages":[{"role":"user","content":"hello"}]}""")).Status);
    }

    [Fact]
    public async Task A_defence_that_does_not_exist_keeps_the_server_from_starting()
    {
        var error = await Assert.ThrowsAnyAsync<Exception>(() => TestServer.StartAsync(("GuardSharp:Models:tiny:Defences:0", "wishful-thinking")));
        Assert.Contains("GuardSharp:Models:tiny:Defences", error.ToString());
    }
}
