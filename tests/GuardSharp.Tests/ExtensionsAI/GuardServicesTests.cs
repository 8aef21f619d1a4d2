using System.Text;
using GuardSharp.Conversations;
using GuardSharp.Extensions.AI;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace GuardSharp.Tests.ExtensionsAI;

public sealed class GuardServicesTests
{
    private const string Settings = """
        {"Guard":{"Threads":1,"Threshold":0.25,"Policy":"shop",
          "Policies":{"shop":{"Categories":["S1",{"Code":"S10","Name":"Hate"}],"Thresholds":{"S1":0.3}}},
          "Chat":{"Refusal":"Not here.","InputThreshold":0.1,"FailOpen":true,"TimeoutSeconds":5}}}
        """;

    [Fact]
    public async Task A_guard_is_what_configuration_says()
    {
        await using var services = new ServiceCollection().AddGuard(Configuration(Settings).GetSection("Guard"), options => options.QueueCapacity = 7).BuildServiceProvider();
        var guard = services.GetRequiredService<IGuard>();
        Assert.Equal(0.25, guard.Capabilities.Threshold);
        var verdict = await guard.ClassifyAsync(Conversation.OfUser("hello"));
        Assert.Equal(0.25, verdict.Threshold);
        Assert.StartsWith("shop@", verdict.PolicyVersion, StringComparison.Ordinal);
        Assert.Equal(["S1", "S10"], verdict.CategoryProbabilities.Keys.Order());
        var chat = services.GetRequiredService<GuardedChatOptions>();
        Assert.Equal(("Not here.", 0.1, true, TimeSpan.FromSeconds(5)), (chat.Refusal, chat.InputThreshold, chat.FailOpen, chat.Timeout));
        Assert.Equal(0.5, (await guard.ClassifyAsync(Conversation.OfUser("hello"), new ClassifyOptions { Threshold = 0.5 })).Threshold);
    }

    [Fact]
    public async Task UseGuard_takes_the_guards_of_the_services_by_their_keys()
    {
        IGuard one = FakeGuard.ThatRefuses("one"), two = FakeGuard.ThatRefuses("two");
        var collection = new ServiceCollection();
        collection.AddSingleton(one).AddKeyedSingleton("second", two);
        collection.AddSingleton(new GuardedChatOptions { Refusal = "first" }).AddKeyedSingleton("second", new GuardedChatOptions { Refusal = "second" });
        collection.AddChatClient(FakeChatClient.Saying("fine")).UseGuard();
        collection.AddKeyedChatClient("second", FakeChatClient.Saying("fine")).UseKeyedGuard("second");
        await using var services = collection.BuildServiceProvider();
        Assert.Equal("first", (await services.GetRequiredService<IChatClient>().GetResponseAsync("one")).Text);
        Assert.Equal("second", (await services.GetRequiredKeyedService<IChatClient>("second").GetResponseAsync("two")).Text);
        Assert.Equal("fine", (await services.GetRequiredKeyedService<IChatClient>("second").GetResponseAsync("one")).Text);
    }

    [Fact]
    public async Task Several_models_stand_under_their_keys_with_their_own_options()
    {
        await using var services = new ServiceCollection()
            .AddKeyedGuard("strict", options => (options.Threads, options.Threshold, options.Chat.Refusal) = (1, 0.1, "strictly no"))
            .AddKeyedGuard("mild", options => (options.Threads, options.Threshold) = (1, 0.9))
            .BuildServiceProvider();
        Assert.Equal(0.1, services.GetRequiredKeyedService<IGuard>("strict").Capabilities.Threshold);
        Assert.Equal(0.9, services.GetRequiredKeyedService<IGuard>("mild").Capabilities.Threshold);
        Assert.Equal("strictly no", services.GetRequiredKeyedService<GuardedChatOptions>("strict").Refusal);
        Assert.Null(services.GetService<IGuard>());
    }

    [Theory]
    [InlineData("""{"Guard":{"Threshold":1.5}}""")]
    [InlineData("""{"Guard":{"QueueCapacity":0}}""")]
    [InlineData("""{"Guard":{"Treshold":0.5}}""")]
    [InlineData("""{"Guard":{"Policy":"none"}}""")]
    [InlineData("""{"Guard":{"VisionFolder":"x"}}""")]
    [InlineData("""{"Guard":{"Chat":{"TimeoutSeconds":0}}}""")]
    [InlineData("""{"Guard":{"Policies":{"a":{"Categories":["S99"]}}}}""")]
    [InlineData("""{"Guard":{"Policies":{"a":{"Path":"x","Categories":["S1"]}}}}""")]
    public async Task Options_that_cannot_be_used_stop_the_host_at_start(string json)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddGuard(Configuration(json).GetSection("Guard"));
        using var host = builder.Build();
        var error = await Assert.ThrowsAnyAsync<Exception>(() => host.StartAsync());
        Assert.True(error is OptionsValidationException or InvalidOperationException, error.ToString());
    }

    [Fact]
    public async Task Health_is_live_always_and_ready_when_the_guard_gives_verdicts()
    {
        var failing = false;
        var collection = new ServiceCollection();
        collection.AddLogging();
        collection.AddSingleton<IGuard>(new FakeGuard(_ => failing ? throw new IOException("secret") : 0.1));
        collection.AddHealthChecks().AddGuard();
        await using var services = collection.BuildServiceProvider();
        var health = services.GetRequiredService<HealthCheckService>();
        async Task<HealthStatus> CheckAsync(string tag) => (await health.CheckHealthAsync(check => check.Tags.Contains(tag))).Status;
        Assert.Equal(HealthStatus.Healthy, await CheckAsync(GuardServiceCollectionExtensions.ReadyTag));
        failing = true;
        Assert.Equal(HealthStatus.Unhealthy, await CheckAsync(GuardServiceCollectionExtensions.ReadyTag));
        Assert.Equal(HealthStatus.Healthy, await CheckAsync(GuardServiceCollectionExtensions.LiveTag));
        Assert.DoesNotContain((await health.CheckHealthAsync()).Entries.Values, entry => entry.Description?.Contains("secret", StringComparison.Ordinal) == true);
    }

    [Fact]
    public async Task An_evaluator_gives_the_verdict_on_a_response()
    {
        var guard = FakeGuard.ThatRefuses("bomb");
        var evaluator = new ChatSafetyEvaluator(guard);
        var verdict = await evaluator.EvaluateAsync([new(ChatRole.User, "hello")], new ChatResponse(new ChatMessage(ChatRole.Assistant, "a bomb")));
        Assert.Equal((true, 0.9, "S1"), (verdict.Unsafe, verdict.UnsafeProbability, verdict.Categories[0]));
        Assert.Equal([Role.User, Role.Assistant], Assert.Single(guard.Asked).Conversation.Turns.Select(turn => turn.Role));
        await Assert.ThrowsAsync<GuardException>(() => evaluator.EvaluateAsync([new(ChatRole.User, "hello")], new ChatResponse([])).AsTask());
        var broken = new ChatSafetyEvaluator(new FakeGuard(_ => throw new QueueFullException(1)));
        await Assert.ThrowsAsync<QueueFullException>(() => broken.EvaluateAsync([], new ChatResponse(new ChatMessage(ChatRole.Assistant, "x"))).AsTask());
    }

    private static IConfigurationRoot Configuration(string json) =>
        new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json))).Build();
}
