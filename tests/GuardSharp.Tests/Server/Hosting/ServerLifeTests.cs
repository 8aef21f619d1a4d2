using System.Net;
using System.Text;
using GuardSharp.Server;
using GuardSharp.Server.Guards;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace GuardSharp.Tests.Server.Hosting;

public sealed class ServerLifeTests
{
    private const string Path = "/v1/guard/classify";
    private const string Hello = """{"messages":[{"role":"user","content":"hello"}]}""";

    [Fact]
    public async Task While_its_models_load_the_server_lives_but_is_not_ready()
    {
        using var mayLoad = new ManualResetEventSlim();
        await using var server = GuardServer.Create(
            configuration => configuration.AddInMemoryCollection([new("GuardSharp:Urls", "http://127.0.0.1:0")]),
            builder => builder.Services.AddSingleton<IGuardLoader>(new SlowGuards(mayLoad)));
        await server.StartAsync(TestContext.Current.CancellationToken);
        using var client = new HttpClient { BaseAddress = server.Addresses[0] };

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(client, "/health/live"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusAsync(client, "/health/ready"));
        using var early = await client.PostAsync(Path, new StringContent(Hello, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, early.StatusCode);
        Assert.NotNull(early.Headers.RetryAfter);

        mayLoad.Set();
        await server.Ready.WaitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(client, "/health/ready"));
    }

    [Fact]
    public async Task A_model_that_cannot_be_loaded_ends_the_server()
    {
        await using var server = GuardServer.Create(configuration => configuration.AddInMemoryCollection(
            [new("GuardSharp:Urls", "http://127.0.0.1:0"), new("GuardSharp:Models:a:Folder", "/nowhere")]));
        var error = await Assert.ThrowsAsync<CheckpointException>(() => server.RunAsync(cancellationToken: TestContext.Current.CancellationToken));
        Assert.Contains("/nowhere", error.Message);
    }

    [Fact]
    public async Task A_server_that_is_told_to_stop_finishes_what_runs()
    {
        var entered = new TaskCompletionSource();
        var mayAnswer = new TaskCompletionSource();
        var guard = new ScriptedGuard(async (_, _, cancellation) =>
        {
            entered.SetResult();
            await mayAnswer.Task.WaitAsync(cancellation);
            return ScriptedGuard.Verdict();
        });
        await using var server = await TestServer.StartAsync(guard);
        var answer = server.PostAsync(Path, Hello);
        await entered.Task;

        var stop = server.Server.StopAsync(TestContext.Current.CancellationToken);
        await ThrowsConnectionRefusedAsync(server.Server.Addresses[0]);
        Assert.False(stop.IsCompleted);
        mayAnswer.SetResult();

        Assert.Equal(HttpStatusCode.OK, (await answer).Status);
        await stop;
    }

    [Fact]
    public async Task A_server_that_drains_says_so_before_it_stops_accepting()
    {
        var time = new HeldTime();
        await using var server = await TestServer.StartAsync(
            builder => builder.Services.AddSingleton<TimeProvider>(time).AddSingleton<IGuardLoader>(new ReadyGuards()), ("GuardSharp:DrainDelaySeconds", "1"));
        var stop = server.Server.StopAsync(TestContext.Current.CancellationToken);
        await time.Held;
        var (status, body) = await server.GetAsync("/health/ready");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "draining"), (status, body.GetProperty("checks").GetProperty("server").GetString()));
        Assert.Equal(HttpStatusCode.OK, (await server.PostAsync(Path, Hello)).Status);
        Assert.Equal(HttpStatusCode.OK, (await server.GetAsync("/health/live")).Status);
        time.Release();
        await stop;
    }

    [Fact]
    public async Task A_request_that_takes_too_long_is_answered_with_504_and_its_work_is_given_up()
    {
        var givenUp = new TaskCompletionSource();
        await using var server = await TestServer.StartAsync(Endless(givenUp), ("GuardSharp:RequestTimeoutSeconds", "0.05"));
        var (status, body) = await server.PostAsync(Path, Hello);
        Assert.Equal((HttpStatusCode.GatewayTimeout, "deadline_exceeded"), (status, body.GetProperty("error").GetProperty("code").GetString()));
        await givenUp.Task;
    }

    [Fact]
    public async Task A_request_may_ask_for_less_time()
    {
        var givenUp = new TaskCompletionSource();
        await using var server = await TestServer.StartAsync(Endless(givenUp));
        server.Client.DefaultRequestHeaders.Add("x-request-timeout-ms", "50");
        Assert.Equal(HttpStatusCode.GatewayTimeout, (await server.PostAsync(Path, Hello)).Status);
        await givenUp.Task;
    }

    [Fact]
    public async Task A_client_that_leaves_takes_its_work_with_it()
    {
        var entered = new TaskCompletionSource();
        var givenUp = new TaskCompletionSource();
        await using var server = await TestServer.StartAsync(Endless(givenUp, entered));
        using var leaving = new CancellationTokenSource();
        var request = server.Client.PostAsync(Path, new StringContent(Hello, Encoding.UTF8, "application/json"), leaving.Token);
        await entered.Task;
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => request);
        await givenUp.Task;
    }

    [Fact]
    public async Task A_full_queue_is_429_with_a_time_to_come_again()
    {
        await using var server = await TestServer.StartAsync(new ScriptedGuard((_, _, _) => throw new QueueFullException(1)));
        using var response = await server.Client.PostAsync(Path, new StringContent(Hello, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
        Assert.NotNull(response.Headers.RetryAfter);
    }

    [Fact]
    public async Task Retry_After_is_the_time_that_what_waits_will_take()
    {
        await using var server = await TestServer.StartAsync(new ScriptedGuard((_, _, _) => throw new QueueFullException(1, TimeSpan.FromSeconds(6.2))));
        using var response = await server.Client.PostAsync(Path, new StringContent(Hello, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
        Assert.Equal(TimeSpan.FromSeconds(7), response.Headers.RetryAfter!.Delta);
    }

    [Fact]
    public async Task An_error_of_the_guard_is_500_and_tells_no_details()
    {
        await using var server = await TestServer.StartAsync(new ScriptedGuard((_, _, _) => throw new InvalidOperationException("secret detail")));
        var (status, body) = await server.PostAsync(Path, Hello);
        Assert.Equal(HttpStatusCode.InternalServerError, status);
        Assert.DoesNotContain("secret", body.ToString());
        Assert.Equal("internal_error", body.GetProperty("error").GetProperty("code").GetString());
    }

    [Theory]
    [InlineData("/nothing", 404)]
    [InlineData(Path, 405)]
    public async Task Paths_and_methods_that_are_not_there_are_told_in_the_envelope(string path, int status)
    {
        await using var server = await TestServer.StartAsync(new ScriptedGuard((_, _, _) => Task.FromResult(ScriptedGuard.Verdict())));
        var (seen, body) = await server.GetAsync(path);
        Assert.Equal((status, "invalid_request_error"), ((int)seen, body.GetProperty("error").GetProperty("type").GetString()));
    }

    [Fact]
    public async Task A_value_of_configuration_beyond_its_range_keeps_the_server_from_starting()
    {
        var error = await Assert.ThrowsAsync<GuardException>(() => TestServer.StartAsync(("GuardSharp:MaxBodyBytes", "1")));
        Assert.Contains("MaxBodyBytes", error.Message);
    }

    private static ScriptedGuard Endless(TaskCompletionSource givenUp, TaskCompletionSource? entered = null) => new(async (_, _, cancellation) =>
    {
        entered?.SetResult();
        try
        {
            await Task.Delay(Timeout.Infinite, cancellation);
        }
        finally
        {
            givenUp.SetResult();
        }

        return ScriptedGuard.Verdict();
    });

    private static async Task<HttpStatusCode> StatusAsync(HttpClient client, string path)
    {
        using var response = await client.GetAsync(path, TestContext.Current.CancellationToken);
        return response.StatusCode;
    }

    // The listener closes a moment after the order: new connections are tried until one is refused.
    private static async Task ThrowsConnectionRefusedAsync(Uri address)
    {
        while (true)
        {
            try
            {
                using var client = new System.Net.Sockets.TcpClient();
                await client.ConnectAsync(address.Host, address.Port, TestContext.Current.CancellationToken);
            }
            catch (System.Net.Sockets.SocketException)
            {
                return;
            }
        }
    }

    /// <summary>A clock whose second-long timers stand still until the test lets them go; requests' deadlines are longer and never come.</summary>
    private sealed class HeldTime : TimeProvider
    {
        private readonly TaskCompletionSource _held = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private Action? _fire;

        public Task Held => _held.Task;

        public void Release() => _fire!();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            if (dueTime == TimeSpan.FromSeconds(1))
            {
                _fire = () => callback(state);
                _held.TrySetResult();
            }

            return System.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    private sealed class ReadyGuards : IGuardLoader
    {
        public IReadOnlyList<NamedGuard> Load(CancellationToken cancellationToken) =>
            [new NamedGuard("scripted", new ScriptedGuard((_, _, _) => Task.FromResult(ScriptedGuard.Verdict())))];
    }

    private sealed class SlowGuards(ManualResetEventSlim mayLoad) : IGuardLoader
    {
        public IReadOnlyList<NamedGuard> Load(CancellationToken cancellationToken)
        {
            mayLoad.Wait(cancellationToken);
            return [new NamedGuard("scripted", new ScriptedGuard((_, _, _) => Task.FromResult(ScriptedGuard.Verdict())))];
        }
    }
}
