using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using GuardSharp.Server;
using GuardSharp.Server.Guards;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace GuardSharp.Tests.Server;

/// <summary>The whole server on a port of its own, and a client of it.</summary>
public sealed class TestServer : IAsyncDisposable
{
    private TestServer(GuardServer server)
    {
        Server = server;
        Client = new HttpClient { BaseAddress = server.Addresses[0] };
    }

    /// <summary>The server.</summary>
    internal GuardServer Server { get; }

    /// <summary>Calls it.</summary>
    public HttpClient Client { get; }

    /// <summary>Starts a server whose default model is guardsharp-tiny, and waits until it takes work.</summary>
    /// <param name="settings">Configuration, such as GuardSharp:MaxBodyBytes.</param>
    internal static Task<TestServer> StartAsync(params (string Key, string? Value)[] settings) => StartAsync((Action<WebApplicationBuilder>?)null, settings);

    /// <summary>Starts a server with guards of the test's own.</summary>
    internal static Task<TestServer> StartAsync(IGuard guard, params (string Key, string? Value)[] settings) =>
        StartAsync(builder => builder.Services.AddSingleton<IGuardLoader>(new FixedGuards(guard)), settings);

    /// <summary>Starts a server after it was adjusted.</summary>
    internal static async Task<TestServer> StartAsync(Action<WebApplicationBuilder>? adjust, params (string Key, string? Value)[] settings)
    {
        // The test's own word goes before.
        var values = settings.Prepend(("GuardSharp:Urls", "http://127.0.0.1:0")).GroupBy(pair => pair.Item1).Select(same => KeyValuePair.Create(same.Key, same.Last().Item2));
        var server = GuardServer.Create(configuration => configuration.AddInMemoryCollection(values), adjust);
        try
        {
            await server.StartAsync(TestContext.Current.CancellationToken);
            await server.Ready.WaitAsync(TestContext.Current.CancellationToken);
            return new TestServer(server);
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Posts JSON text and reads the JSON answer.</summary>
    public async Task<(HttpStatusCode Status, JsonElement Body)> PostAsync(string path, string json, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(json, Encoding.UTF8, "application/json") };
        request.Headers.Authorization = key is null ? null : new("Bearer", key);
        using var response = await Client.SendAsync(request, TestContext.Current.CancellationToken);
        return (response.StatusCode, await response.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken));
    }

    /// <summary>Gets a JSON answer.</summary>
    public async Task<(HttpStatusCode Status, JsonElement Body)> GetAsync(string path, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = key is null ? null : new("Bearer", key);
        using var response = await Client.SendAsync(request, TestContext.Current.CancellationToken);
        return (response.StatusCode, await response.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken));
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Server.DisposeAsync();
    }

    private sealed class FixedGuards(IGuard guard) : IGuardLoader
    {
        public IReadOnlyList<NamedGuard> Load(CancellationToken cancellationToken) => [new NamedGuard("scripted", guard)];
    }
}

/// <summary>A server with guardsharp-tiny and nothing configured, shared by the tests of a class.</summary>
public sealed class TinyServer : IAsyncLifetime
{
    /// <summary>The server.</summary>
    internal TestServer Running { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Running = await TestServer.StartAsync();

    public ValueTask DisposeAsync() => Running.DisposeAsync();
}
