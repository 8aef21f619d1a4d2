using System.Net;
using System.Text;
using System.Text.Json;
using GuardSharp.Server.Guards;
using GuardSharp.Server.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace GuardSharp.Tests.Server.Endpoints;

/// <summary>The server with one guard and one key, and the questions that these tests ask it.</summary>
internal sealed class FormServer : IAsyncDisposable
{
    /// <summary>The key.</summary>
    public const string Key = "gsk-of-the-tests";

    private readonly TestServer _server;

    private FormServer(TestServer server) => _server = server;

    /// <summary>Where it listens.</summary>
    public Uri Address => _server.Client.BaseAddress!;

    /// <summary>Starts a server whose key may do everything that a classifying client can be allowed.</summary>
    public static Task<FormServer> StartAsync(IGuard guard, params (string Key, string? Value)[] settings) =>
        StartAsync(guard, CallerRights.Classify | CallerRights.ReadyPrompts, null, settings);

    /// <summary>Starts a server.</summary>
    public static async Task<FormServer> StartAsync(IGuard? guard, CallerRights rights, Action<IServiceCollection>? adjust, params (string Key, string? Value)[] settings)
    {
        void Adjust(WebApplicationBuilder builder)
        {
            if (guard is not null)
                builder.Services.AddSingleton<IGuardLoader>(new OneGuard(guard));
            adjust?.Invoke(builder.Services);
        }

        return new FormServer(await TestServer.StartAsync(
            Adjust, [("GuardSharp:Keys:test:Sha256", ApiKeys.HashOf(Key)), ("GuardSharp:Keys:test:Rights", rights.ToString()), .. settings]));
    }

    /// <summary>Posts, whatever comes of it.</summary>
    public Task<(HttpStatusCode Status, JsonElement Body)> PostAsync(string path, string json) => _server.PostAsync(path, json, Key);

    /// <summary>Posts what must be answered.</summary>
    public async Task<JsonElement> GetAnswerAsync(string path, string json)
    {
        var (status, body) = await _server.PostAsync(path, json, Key);
        Assert.True(status == HttpStatusCode.OK, body.GetRawText());
        return body;
    }

    /// <summary>Posts what must be refused and gives the error.</summary>
    public async Task<JsonElement> GetErrorAsync(string path, string json, HttpStatusCode status = HttpStatusCode.BadRequest)
    {
        var (seen, body) = await _server.PostAsync(path, json, Key);
        Assert.True(seen == status, $"{seen} {body.GetRawText()}");
        return body.GetProperty("error");
    }

    /// <summary>Posts and gives the answer's text.</summary>
    public async Task<string> GetTextAsync(string path, string json)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(json, Encoding.UTF8, "application/json") };
        request.Headers.Authorization = new("Bearer", Key);
        using var response = await _server.Client.SendAsync(request, TestContext.Current.CancellationToken);
        return await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private sealed class OneGuard(IGuard guard) : IGuardLoader
    {
        public IReadOnlyList<NamedGuard> Load(CancellationToken cancellationToken) => [new NamedGuard("guard", guard)];
    }
}
