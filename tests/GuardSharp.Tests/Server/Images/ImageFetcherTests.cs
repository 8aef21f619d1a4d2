using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using GuardSharp.Server.Images;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace GuardSharp.Tests.Server.Images;

/// <summary>Fetching from a host on this machine, which only these tests allow.</summary>
public sealed class ImageFetcherTests : IAsyncLifetime
{
    private const string Host = "images.example.com";

    private static readonly byte[] _png = File.ReadAllBytes(TestPicture.Path);

    private readonly ConcurrentQueue<string> _requests = [];
    private WebApplication _app = null!;
    private int _port;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        _app = builder.Build();
        _app.Use((context, next) =>
        {
            _requests.Enqueue($"{context.Request.Headers.Host}{context.Request.Path}");
            return next(context);
        });
        _app.MapGet("/a.png", () => Results.Bytes(_png, "text/plain"));
        _app.MapGet("/page", () => Results.Text("<html>", "image/png"));
        _app.MapGet("/missing", () => Results.NotFound());
        _app.MapGet("/to", (string u) => Results.Redirect(u));
        _app.MapGet("/loop", () => Results.Redirect("/loop"));
        _app.MapGet("/nowhere", (HttpContext context) => context.Response.StatusCode = 302);
        _app.MapGet("/endless", async (HttpContext context) =>
        {
            while (true)
                await context.Response.Body.WriteAsync(_png, context.RequestAborted);
        });
        _app.MapGet("/lying", async (HttpContext context) =>
        {
            context.Response.ContentLength = 1L << 40;
            await context.Response.Body.WriteAsync(_png, context.RequestAborted);
        });
        _app.MapGet("/hanging", (HttpContext context) => Task.Delay(Timeout.Infinite, context.RequestAborted));
        await _app.StartAsync();
        _port = new Uri(_app.Urls.First()).Port;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    [Fact]
    public async Task An_image_comes_from_a_host_on_the_list()
    {
        using var fetcher = Fetcher();
        Assert.Equal(_png, await FetchAsync(fetcher, "/a.png"));
        Assert.Equal([$"{Host}:{_port}/a.png"], _requests);
    }

    [Fact]
    public async Task A_redirect_within_the_host_is_followed()
    {
        using var fetcher = Fetcher();
        Assert.Equal(_png, await FetchAsync(fetcher, "/to?u=/a.png"));
        Assert.Equal(_png, await FetchAsync(fetcher, $"/to?u=http://{Host}:{_port}/a.png"));
    }

    [Theory]
    [InlineData("http://169.254.169.254/latest/meta-data/")]
    [InlineData("http://127.0.0.1:{0}/a.png")]
    [InlineData("//127.0.0.1:{0}/a.png")]
    [InlineData("http://2130706433:{0}/a.png")]
    [InlineData("http://other.example.com:{0}/a.png")]
    [InlineData("http://images.example.com:1/a.png")]
    [InlineData("http://images.example.com@127.0.0.1:{0}/a.png")]
    [InlineData("https://images.example.com:{0}/a.png")]
    [InlineData("file:///etc/passwd")]
    public async Task A_redirect_elsewhere_is_refused(string to)
    {
        using var fetcher = Fetcher();
        await RefusedAsync(fetcher, "/to?u=" + Uri.EscapeDataString(string.Format(null, to, _port)));
        // Nobody was asked but the host that redirected.
        Assert.Single(_requests);
    }

    [Theory]
    [InlineData("/loop", "3 times")]
    [InlineData("/nowhere", "nowhere")]
    [InlineData("/missing", "404")]
    [InlineData("/page", "PNG")]
    [InlineData("/endless", "bytes")]
    [InlineData("/lying", "bytes")]
    public async Task What_is_no_image_is_refused(string path, string reason)
    {
        using var fetcher = Fetcher(maxBytes: 100_000);
        Assert.Contains(reason, (await RefusedAsync(fetcher, path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_that_hangs_is_given_up()
    {
        using var fetcher = Fetcher(seconds: 1);
        Assert.Contains("1 seconds", (await RefusedAsync(fetcher, "/hanging")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_leaves_ends_the_fetch()
    {
        using var fetcher = Fetcher();
        using var client = new CancellationTokenSource();
        var fetch = fetcher.FetchAsync($"http://{Host}:{_port}/hanging", client.Token);
        while (_requests.IsEmpty)
            await Task.Delay(5, TestContext.Current.CancellationToken);
        await client.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fetch);
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("10.1.2.3")]
    [InlineData("169.254.169.254")]
    [InlineData("::1")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("fd00::1")]
    [InlineData("64:ff9b::7f00:1")]
    [InlineData("8.8.8.8", "127.0.0.1")]        // one of two is enough
    public async Task A_name_with_a_closed_address_is_refused_before_anybody_is_asked(params string[] addresses)
    {
        using var fetcher = Fetcher(new ScriptedResolver([.. addresses.Select(IPAddress.Parse)]), AddressRule.Public);
        await RefusedAsync(fetcher, "/a.png");
        Assert.Empty(_requests);
    }

    [Theory]
    [InlineData("http://127.0.0.1:{0}/a.png")]
    [InlineData("http://[::1]:{0}/a.png")]
    [InlineData("http://[::ffff:127.0.0.1]:{0}/a.png")]
    [InlineData("http://[::ffff:7f00:1]:{0}/a.png")]
    [InlineData("http://0.0.0.0:{0}/a.png")]
    public async Task A_closed_address_is_refused_even_where_the_list_holds_it(string url)
    {
        url = string.Format(null, url, _port);
        using var fetcher = Fetcher(rule: AddressRule.Public, hosts: [new Uri(url).Authority]);
        await Assert.ThrowsAsync<ImageRefusedException>(() => fetcher.FetchAsync(url, TestContext.Current.CancellationToken));
        Assert.Empty(_requests);
    }

    [Fact]
    public async Task A_name_that_resolves_differently_a_moment_later_changes_nothing()
    {
        // DNS rebinding: the first answer passes, the second would lead to this machine.
        var resolver = new ScriptedResolver([IPAddress.Parse("192.0.2.1")], [IPAddress.Loopback]);
        var connected = new ConcurrentQueue<IPAddress>();
        using var fetcher = Fetcher(resolver, new AddressRule(address =>
        {
            connected.Enqueue(address);
            // Documentation addresses lead nowhere: the test lets the check pass and stops the connection.
            return connected.Count == 1;
        }));
        await RefusedAsync(fetcher, "/a.png");
        Assert.Equal(1, resolver.Asked);
        Assert.Equal([IPAddress.Parse("192.0.2.1"), IPAddress.Parse("192.0.2.1")], connected);
        Assert.Empty(_requests);
    }

    [Fact]
    public async Task A_name_that_changes_between_two_redirects_is_looked_at_again()
    {
        var resolver = new ScriptedResolver([IPAddress.Loopback], [IPAddress.Parse("10.0.0.1")]);
        using var fetcher = Fetcher(resolver, new AddressRule(address => address.Equals(IPAddress.Loopback)));
        await RefusedAsync(fetcher, "/to?u=/a.png");
        Assert.Single(_requests);
    }

    [Fact]
    public async Task A_second_fetch_resolves_and_connects_anew()
    {
        var resolver = new ScriptedResolver([IPAddress.Loopback], [IPAddress.Parse("10.0.0.1")]);
        using var fetcher = Fetcher(resolver, new AddressRule(address => address.Equals(IPAddress.Loopback)));
        Assert.Equal(_png, await FetchAsync(fetcher, "/a.png"));
        await RefusedAsync(fetcher, "/a.png");
    }

    [Fact]
    public async Task A_name_nobody_knows_is_refused()
    {
        using var fetcher = Fetcher(new ScriptedResolver());
        Assert.Contains("reached", (await RefusedAsync(fetcher, "/a.png")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_next_address_is_tried_where_one_does_not_answer()
    {
        // Nothing listens on 127.0.0.2 at this port.
        using var fetcher = Fetcher(new ScriptedResolver([IPAddress.Parse("127.0.0.2"), IPAddress.Loopback]));
        Assert.Equal(_png, await FetchAsync(fetcher, "/a.png"));
    }

    [Fact]
    public async Task A_host_without_a_trusted_certificate_is_refused()
    {
        using var key = RSA.Create(2048);
        using var certificate = new CertificateRequest($"CN={Host}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate)));
        builder.Logging.ClearProviders();
        await using var app = builder.Build();
        var asked = 0;
        app.MapGet("/a.png", () =>
        {
            asked++;
            return Results.Bytes(_png);
        });
        await app.StartAsync(TestContext.Current.CancellationToken);
        var port = new Uri(app.Urls.First()).Port;
        using var fetcher = Fetcher(hosts: [$"{Host}:{port}"]);
        await Assert.ThrowsAsync<ImageRefusedException>(() => fetcher.FetchAsync($"https://{Host}:{port}/a.png", TestContext.Current.CancellationToken));
        Assert.Equal(0, asked);
    }

    [Fact]
    public async Task Without_a_list_nothing_is_fetched()
    {
        using var fetcher = Fetcher(hosts: []);
        Assert.False(fetcher.Enabled);
        await RefusedAsync(fetcher, "/a.png");
        Assert.Empty(_requests);
    }

    [Fact]
    public async Task Http_is_refused_unless_allowed()
    {
        using var fetcher = Fetcher(http: false);
        await RefusedAsync(fetcher, "/a.png");
        Assert.Empty(_requests);
    }

    private ImageFetcher Fetcher(
        IHostResolver? resolver = null, AddressRule? rule = null, string[]? hosts = null, int maxBytes = 1 << 20, int seconds = 30, bool http = true) => new(
        Options.Create(new ImageOptions { AllowedHosts = hosts ?? [$"{Host}:{_port}"], AllowHttp = http, MaxImageBytes = maxBytes, TimeoutSeconds = seconds }),
        resolver ?? new ScriptedResolver([IPAddress.Loopback]),
        rule ?? new AddressRule(IPAddress.IsLoopback),
        TimeProvider.System);

    private async Task<byte[]> FetchAsync(ImageFetcher fetcher, string path) =>
        (await fetcher.FetchAsync($"http://{Host}:{_port}{path}", TestContext.Current.CancellationToken)).ToArray();

    private Task<ImageRefusedException> RefusedAsync(ImageFetcher fetcher, string path) => Assert.ThrowsAsync<ImageRefusedException>(() => FetchAsync(fetcher, path));

    /// <summary>Gives one answer after the other, the last again and again.</summary>
    private sealed class ScriptedResolver(params IPAddress[][] answers) : IHostResolver
    {
        public int Asked { get; private set; }

        public Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancellationToken)
        {
            if (answers.Length == 0)
                throw new SocketException((int)SocketError.HostNotFound);
            return Task.FromResult(answers[Math.Min(Asked++, answers.Length - 1)]);
        }
    }
}
