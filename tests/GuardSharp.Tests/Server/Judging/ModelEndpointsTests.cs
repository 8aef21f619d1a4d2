using System.Net;

namespace GuardSharp.Tests.Server.Judging;

public sealed class ModelEndpointsTests(TinyServer shared) : IClassFixture<TinyServer>
{
    private readonly TestServer _server = shared.Running;

    [Fact]
    public async Task Models_are_listed_as_clients_of_OpenAI_read_them()
    {
        var (_, body) = await _server.GetAsync("/v1/models");
        Assert.Equal("list", body.GetProperty("object").GetString());
        var model = Assert.Single(body.GetProperty("data").EnumerateArray());
        Assert.Equal(("guardsharp-tiny", "model", "guardsharp"), (model.GetProperty("id").GetString(), model.GetProperty("object").GetString(), model.GetProperty("owned_by").GetString()));
        Assert.True(model.GetProperty("created").GetInt64() > 1_700_000_000);
    }

    [Theory]
    [InlineData("guardsharp-tiny")]
    [InlineData("omni-moderation-latest")]
    [InlineData("Llama-Guard")]
    [InlineData("some-owner/guardsharp-tiny")]
    public async Task A_model_is_found_by_any_of_its_names(string name)
    {
        var (status, body) = await _server.GetAsync("/v1/models/" + name);
        Assert.Equal((HttpStatusCode.OK, "guardsharp-tiny"), (status, body.GetProperty("id").GetString()));
    }

    [Fact]
    public async Task A_checkpoint_that_is_not_loaded_is_not_found()
    {
        var (status, body) = await _server.GetAsync("/v1/models/meta-llama/Llama-Guard-4-12B");
        Assert.Equal((HttpStatusCode.NotFound, "model_not_found"), (status, body.GetProperty("error").GetProperty("code").GetString()));
    }
}
