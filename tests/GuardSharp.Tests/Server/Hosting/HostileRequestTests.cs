using System.Net;
using GuardSharp.Server.Judging;
using GuardSharp.Tests.Imaging;
using Microsoft.Extensions.DependencyInjection;

namespace GuardSharp.Tests.Server.Hosting;

/// <summary>Requests that mean harm: each is answered as docs/server.md says, and the next one works.</summary>
public sealed class HostileRequestTests
{
    private const string Path = "/v1/guard/classify";

    [Theory]
    [InlineData("invalid_json")]
    public async Task JSON_that_is_too_deep_is_refused(string code)
    {
        await using var server = await TestServer.StartAsync();
        await AssertRefusedAsync(server, new string('[', 100_000), 400, code);
        await AssertRefusedAsync(server, $$"""{"messages":{{new string('[', 100)}}{{new string(']', 100)}}}""", 400, code);
    }

    [Fact]
    public async Task A_message_of_ten_thousand_parts_is_refused()
    {
        await using var server = await TestServer.StartAsync();
        var parts = string.Join(',', Enumerable.Repeat("""{"type":"text","text":"x"}""", 10_000));
        await AssertRefusedAsync(server, $$"""{"messages":[{"role":"user","content":[{{parts}}]}]}""", 400, "too_many_parts");
        var messages = string.Join(',', Enumerable.Repeat("""{"role":"user","content":"x"}""", 10_000));
        await AssertRefusedAsync(server, $$"""{"messages":[{{messages}}]}""", 400, "too_many_messages");
    }

    [Fact]
    public async Task A_small_file_that_would_be_a_huge_picture_is_refused()
    {
        await using var server = await TestServer.StartAsync();
        var bomb = Convert.ToBase64String(Pictures.PngOfSize(60_000, 60_000));
        await AssertRefusedAsync(server, $$$"""{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,{{{bomb}}}"}}]}]}""", 400, "invalid_image");
    }

    [Fact]
    public async Task A_body_of_100_MB_is_refused_before_it_is_read()
    {
        await using var server = await TestServer.StartAsync();
        using var connection = await RawConnection.OpenAsync(server);
        await connection.SendAsync(Head(server, "Content-Length: 104857600") + "{");
        Assert.StartsWith("HTTP/1.1 413 ", await connection.ReadToEndAsync());
        await AssertWorksAsync(server);
    }

    [Fact]
    public async Task A_body_that_grows_beyond_the_limit_is_refused()
    {
        await using var server = await TestServer.StartAsync(("GuardSharp:MaxBodyBytes", "65536"));
        using var connection = await RawConnection.OpenAsync(server);
        await connection.SendAsync(Head(server, "Transfer-Encoding: chunked"));
        for (var i = 0; i < 20; i++)
        {
            await connection.SendAsync($"1000\r\n{new string(' ', 4096)}\r\n");
        }

        Assert.StartsWith("HTTP/1.1 413 ", await connection.ReadToEndAsync());
        await AssertWorksAsync(server);
    }

    [Fact]
    public async Task Bodies_together_take_no_more_memory_than_there_is_for_them()
    {
        await using var server = await TestServer.StartAsync(("GuardSharp:MaxBodyBytesTogether", "100000"));
        var memory = server.Server.Services.GetRequiredService<BodyMemory>();
        var large = $$"""{"messages":[{"role":"user","content":"hello"}]}{{new string(' ', 30_000)}}""";
        Assert.True(memory.TryTake(80_000));
        Assert.Equal(HttpStatusCode.TooManyRequests, (await server.PostAsync(Path, large)).Status);
        memory.Give(80_000);
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync(Path, large)).Status);
        // All of it was given back.
        Assert.True(memory.TryTake(100_000));
    }

    [Fact]
    public async Task A_body_that_is_announced_and_does_not_come_holds_no_memory_to_speak_of()
    {
        await using var server = await TestServer.StartAsync(("GuardSharp:MaxBodyBytesTogether", "100000"), ("GuardSharp:BodyGraceSeconds", "3600"), ("GuardSharp:RequestTimeoutSeconds", "3600"));
        using var announcing = await RawConnection.OpenAsync(server);
        await announcing.SendAsync(Head(server, "Content-Length: 90000\r\nExpect: 100-continue"));
        // The server asks for the body when it holds what it will hold for now.
        Assert.StartsWith("HTTP/1.1 100 ", await announcing.ReadSomeAsync());
        Assert.True(server.Server.Services.GetRequiredService<BodyMemory>().TryTake(80_000));
    }

    [Fact]
    public async Task A_body_that_comes_too_slowly_is_given_up()
    {
        await using var server = await TestServer.StartAsync(("GuardSharp:BodyGraceSeconds", "1.1"));
        using var connection = await RawConnection.OpenAsync(server);
        await connection.SendAsync(Head(server, "Content-Length: 1000") + "{");
        var answer = await connection.ReadToEndAsync();
        Assert.StartsWith("HTTP/1.1 408 ", answer);
        Assert.Contains("body_too_slow", answer);
        await AssertWorksAsync(server);
    }

    [Fact]
    public async Task Headers_that_never_end_are_given_up()
    {
        await using var server = await TestServer.StartAsync(("GuardSharp:HeaderTimeoutSeconds", "1"));
        using var connection = await RawConnection.OpenAsync(server);
        await connection.SendAsync($"POST {Path} HTTP/1.1\r\nHost: ");
        Assert.DoesNotContain("200 OK", await connection.ReadToEndAsync());
        await AssertWorksAsync(server);
    }

    [Fact]
    public async Task Many_clients_that_leave_at_once_leave_nothing_behind()
    {
        await using var server = await TestServer.StartAsync();
        const string body = """{"messages":[{"role":"user","content":"how do I bake bread"}]}""";
        for (var i = 0; i < 50; i++)
        {
            using var connection = await RawConnection.OpenAsync(server);
            await connection.SendAsync(Head(server, $"Content-Length: {body.Length}") + body);
        }

        await AssertWorksAsync(server);
        while (!(await server.Client.GetStringAsync("/metrics", TestContext.Current.CancellationToken)).Split('\n').Any(line => line.StartsWith("guardsharp_queue_depth{", StringComparison.Ordinal) && line.EndsWith(" 0", StringComparison.Ordinal)))
        {
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }

    private static string Head(TestServer server, string length) =>
        $"POST {Path} HTTP/1.1\r\nHost: {server.Client.BaseAddress!.Authority}\r\nContent-Type: application/json\r\n{length}\r\n\r\n";

    private static async Task AssertRefusedAsync(TestServer server, string json, int status, string code)
    {
        var (seen, body) = await server.PostAsync(Path, json);
        Assert.Equal((status, code), ((int)seen, body.GetProperty("error").GetProperty("code").GetString()));
        await AssertWorksAsync(server);
    }

    private static async Task AssertWorksAsync(TestServer server) =>
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync(Path, """{"messages":[{"role":"user","content":"hello"}]}""")).Status);
}
