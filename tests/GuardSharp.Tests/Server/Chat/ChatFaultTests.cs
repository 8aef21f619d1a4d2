using System.Net;
using GuardSharp.Tests.ExtensionsAI;
using Microsoft.AspNetCore.Http;

namespace GuardSharp.Tests.Server.Chat;

/// <summary>An upstream that hangs, breaks off, lies or floods, and a guard that fails: a documented error, no unsafe text, and the next request works.</summary>
public sealed class ChatFaultTests
{
    private const string Path = "/v1/guard/chat";
    private static readonly (string, string?) _short = ("GuardSharp:Chat:UpstreamTimeoutSeconds", "0.3");

    public static TheoryData<string, HttpStatusCode, string> Whole => new()
    {
        { "hang", HttpStatusCode.GatewayTimeout, "upstream_timeout" },
        { "hang in the middle", HttpStatusCode.GatewayTimeout, "upstream_timeout" },
        { "garbage", HttpStatusCode.BadGateway, "upstream_error" },
        { "html", HttpStatusCode.BadGateway, "upstream_error" },
        { "empty", HttpStatusCode.BadGateway, "upstream_error" },
        { "no choices", HttpStatusCode.BadGateway, "upstream_error" },
        { "close", HttpStatusCode.BadGateway, "upstream_error" },
        { "500", HttpStatusCode.BadGateway, "upstream_error" },
        { "redirect", HttpStatusCode.BadGateway, "upstream_error" },
        { "flood", HttpStatusCode.BadGateway, "upstream_error" },
        { "429", HttpStatusCode.TooManyRequests, "upstream_busy" },
        { "400", HttpStatusCode.BadRequest, "upstream_refused" },
    };

    [Theory, MemberData(nameof(Whole))]
    public async Task A_broken_upstream_is_an_error_and_the_next_request_works(string fault, HttpStatusCode status, string code)
    {
        var broken = true;
        await using var upstream = await FakeUpstream.StartAsync(context =>
            broken ? BreakAsync(context, fault) : context.Response.WriteAsync(FakeUpstream.Whole(new { role = "assistant", content = "fine" }, "stop")));
        await using var server = await ChatEndpointTests.StartAsync(upstream, FakeGuard.ThatRefuses(), _short, ("GuardSharp:Chat:MaxUpstreamBytes", "20000"));
        foreach (var stream in (bool[])[false, true])
        {
            using var response = await PostAsync(server, stream);
            var body = await response.Content.ReadAsStringAsync();
            Assert.DoesNotContain("secret", body, StringComparison.Ordinal);
            Assert.DoesNotContain("[DONE]", body, StringComparison.Ordinal);
            Assert.Contains($"\"{code}\"", body, StringComparison.Ordinal);
            // Over the end of a broken stream the answer has begun at times: then the error is its last event.
            Assert.True(response.StatusCode == status || (stream && response.StatusCode == HttpStatusCode.OK), $"{response.StatusCode}");
        }

        broken = false;
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync(Path, ChatEndpointTests.Ask("hello"))).Status);
    }

    [Theory]
    [InlineData("cut")]
    [InlineData("abort")]
    [InlineData("hang")]
    [InlineData("garbage")]
    public async Task A_stream_that_breaks_releases_nothing_that_was_held_and_ends_in_an_error(string fault)
    {
        await using var upstream = await FakeUpstream.StartAsync(async context =>
        {
            await FakeUpstream.SendAsync(context, new { content = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen " }, null);
            await FakeUpstream.SendAsync(context, new { content = "held" }, null);
            if (fault == "abort")
                context.Abort();
            else if (fault == "hang")
                await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
            else if (fault == "garbage")
                await context.Response.WriteAsync("data: {\"secret\n\n");
        });
        await using var server = await ChatEndpointTests.StartAsync(upstream, FakeGuard.ThatRefuses(), _short);
        using var response = await PostAsync(server, stream: true);
        var body = await response.Content.ReadAsStringAsync();
        // A connection that is reset may overtake what was sent on it.
        Assert.True(fault == "abort" || body.Contains("one two", StringComparison.Ordinal));
        Assert.DoesNotContain("held", body, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", body, StringComparison.Ordinal);
        Assert.DoesNotContain("[DONE]", body, StringComparison.Ordinal);
        Assert.Contains("\"error\"", body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_guard_that_fails_in_the_middle_ends_the_answer(bool open)
    {
        await using var upstream = await FakeUpstream.SayingAsync("one two three four five six seven eight nine ten eleven twelve thirteen fourteen ", "three ", "secret");
        var guard = new FakeGuard(conversation => FakeGuard.TextOf(conversation.Turns[^1]).Contains("secret", StringComparison.Ordinal) ? throw new GuardException("broken") : 0.1);
        await using var server = await ChatEndpointTests.StartAsync(upstream, guard, ("GuardSharp:Chat:FailOpen", open ? "true" : "false"));
        using var response = await PostAsync(server, stream: true);
        var body = await response.Content.ReadAsStringAsync();
        Assert.Equal(open, body.Contains("secret", StringComparison.Ordinal));
        Assert.Equal(open, body.Contains("\"failed_open\":true", StringComparison.Ordinal));
        Assert.Equal(!open, body.Contains("guard_error", StringComparison.Ordinal));
        Assert.Equal(open, body.Contains("[DONE]", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_guard_that_is_full_or_late_is_an_error_of_HTTP()
    {
        await using var upstream = await FakeUpstream.SayingAsync("x");
        await using var full = await ChatEndpointTests.StartAsync(upstream, new FakeGuard(_ => throw new QueueFullException(1)));
        foreach (var stream in (bool[])[false, true])
        {
            using var response = await PostAsync(full, stream);
            Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
            Assert.NotNull(response.Headers.RetryAfter);
        }

        await using var late = await ChatEndpointTests.StartAsync(upstream, new FakeGuard(_ => 0) { Before = (_, token) => Task.Delay(Timeout.Infinite, token) }, ("GuardSharp:Chat:GuardTimeoutSeconds", "0.05"));
        Assert.Equal(HttpStatusCode.GatewayTimeout, (await late.PostAsync(Path, ChatEndpointTests.Ask("hello"))).Status);
        Assert.Empty(upstream.Asked);
    }

    [Fact]
    public async Task Nobody_opens_a_chat_by_sending_more_than_the_limits_allow()
    {
        await using var upstream = await FakeUpstream.SayingAsync("x");
        await using var server = await ChatEndpointTests.StartAsync(upstream, FakeGuard.ThatRefuses(), ("GuardSharp:Chat:FailOpen", "true"), ("GuardSharp:MaxParts", "1"));
        var (_, body) = await server.PostAsync(Path, """{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}""");
        Assert.Equal("content-not-allowed", body.GetProperty("guard").GetProperty("reason").GetString());
        Assert.Empty(upstream.Asked);
    }

    [Fact]
    public async Task A_client_that_leaves_ends_the_upstreams_work()
    {
        var began = new TaskCompletionSource();
        await using var upstream = await FakeUpstream.StartAsync(async context =>
        {
            await FakeUpstream.SendAsync(context, new { role = "assistant" }, null);
            began.SetResult();
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
        });
        await using var server = await ChatEndpointTests.StartAsync(upstream, FakeGuard.ThatRefuses());
        using var leaving = new CancellationTokenSource();
        using var request = Request(stream: true);
        var response = server.Client.SendAsync(request, HttpCompletionOption.ResponseContentRead, leaving.Token);
        await began.Task;
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => response);
        await upstream.Left.Task.WaitAsync(TestContext.Current.CancellationToken);
    }

    private static async Task BreakAsync(HttpContext context, string fault)
    {
        switch (fault)
        {
            case "hang":
                await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
                break;
            case "hang in the middle":
                await context.Response.WriteAsync("{\"id\":\"secret");
                await context.Response.Body.FlushAsync();
                await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
                break;
            case "garbage":
                await context.Response.WriteAsync("\u0000\u0001 secret {{{");
                break;
            case "html":
                context.Response.ContentType = "text/html";
                await context.Response.WriteAsync("<html>secret</html>");
                break;
            case "no choices":
                await context.Response.WriteAsync("""{"id":"secret","object":"chat.completion","created":1,"model":"m","choices":[]}""");
                break;
            case "close":
                context.Abort();
                break;
            case "redirect":
                context.Response.Redirect("http://127.0.0.1:1/secret");
                break;
            case "flood":
                for (var i = 0; i < 100 && !context.RequestAborted.IsCancellationRequested; i++)
                    await context.Response.WriteAsync(new string(' ', 1000));
                break;
            case "empty":
                break;
            default:
                context.Response.StatusCode = int.Parse(fault, System.Globalization.CultureInfo.InvariantCulture);
                await context.Response.WriteAsync("""{"error":{"message":"secret","type":"x"}}""");
                break;
        }
    }

    private static HttpRequestMessage Request(bool stream) => new(HttpMethod.Post, Path)
    {
        Content = new StringContent(ChatEndpointTests.Ask("hello", stream: stream), System.Text.Encoding.UTF8, "application/json"),
    };

    private static async Task<HttpResponseMessage> PostAsync(TestServer server, bool stream)
    {
        using var request = Request(stream);
        return await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
    }
}
