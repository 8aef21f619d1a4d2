using System.Net;
using System.Net.Sockets;
using GuardSharp.Imaging;
using Microsoft.Extensions.Options;

namespace GuardSharp.Server.Images;

/// <summary>Turns a host's name into addresses; a place for tests to stand in.</summary>
internal interface IHostResolver
{
    /// <summary>All addresses of a host.</summary>
    /// <exception cref="SocketException">There is no such host.</exception>
    Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancellationToken);
}

/// <summary>The resolver of the system.</summary>
internal sealed class SystemHostResolver : IHostResolver
{
    /// <inheritdoc/>
    public Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancellationToken) => Dns.GetHostAddressesAsync(host, cancellationToken);
}

/// <summary>Which addresses may be connected to; a place for tests to stand in.</summary>
/// <param name="Allows">Whether an address may be connected to.</param>
internal sealed record AddressRule(Func<IPAddress, bool> Allows)
{
    /// <summary>Public ones alone.</summary>
    public static AddressRule Public { get; } = new(PublicAddresses.Contains);
}

/// <summary>Fetches images from hosts that configuration names, and from nowhere else.</summary>
/// <remarks>
/// A name is resolved once; every address it has must be public; the connection goes to one of exactly those addresses, which are looked at
/// once more there, so that a name that resolves differently a moment later changes nothing. Redirects stay on their host and pass all of it
/// again. No proxy, no cookies, no credentials, no kept connections, no compression. Safe from any thread.
/// </remarks>
internal sealed class ImageFetcher : IDisposable
{
    private const int MaxRedirects = 3;
    private static readonly HttpRequestOptionsKey<IPAddress[]> _addressesKey = new("GuardSharp.Addresses");

    private readonly ImageOptions _options;
    private readonly IHostResolver _resolver;
    private readonly AddressRule _rule;
    private readonly TimeProvider _time;
    private readonly AllowedHost[] _hosts;
    private readonly SemaphoreSlim _turns;
    private readonly HttpMessageInvoker _http;

    public ImageFetcher(IOptions<ImageOptions> options, IHostResolver resolver, AddressRule rule, TimeProvider time)
    {
        _options = options.Value;
        _resolver = resolver;
        _rule = rule;
        _time = time;
        _hosts = [.. _options.AllowedHosts.Select(AllowedHost.Parse)];
        _turns = new SemaphoreSlim(_options.MaxFetchesAtOnce);
        _http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            UseProxy = false,
            PreAuthenticate = false,
            ActivityHeadersPropagator = null,
            MaxResponseHeadersLength = 16,              // KiB
            MaxResponseDrainSize = 0,
            PooledConnectionLifetime = TimeSpan.Zero,   // every fetch connects anew, to addresses of its own
            ConnectCallback = ConnectAsync,
        });
    }

    /// <summary>Whether anything is fetched at all.</summary>
    public bool Enabled => _hosts.Length > 0;

    /// <summary>Fetches one image.</summary>
    /// <param name="url">Its URL as the client sent it.</param>
    /// <param name="cancellationToken">The client left.</param>
    /// <returns>The bytes of a PNG, JPEG or WebP file.</returns>
    /// <exception cref="ImageRefusedException">The URL is none that may be fetched, or the image did not come; the message holds nothing of the URL.</exception>
    public async Task<ReadOnlyMemory<byte>> FetchAsync(string url, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(_options.TimeoutSeconds), _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            await _turns.WaitAsync(both.Token).ConfigureAwait(false);
            try
            {
                return await FollowAsync(Checked(url), both.Token).ConfigureAwait(false);
            }
            finally
            {
                _turns.Release();
            }
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ImageRefusedException($"it did not come within {_options.TimeoutSeconds} seconds", e);
        }
        catch (Exception e) when (e is HttpRequestException or SocketException or IOException)
        {
            // A refusal inside the connection comes wrapped.
            throw e.InnerException as ImageRefusedException ?? new ImageRefusedException("its host could not be reached, or broke off", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _http.Dispose();
        _turns.Dispose();
    }

    private RemoteUrl Checked(string url)
    {
        var parsed = RemoteUrl.Parse(url, _options.AllowHttp);
        return _hosts.Any(host => host.Allows(parsed)) ? parsed : throw new ImageRefusedException($"its host and port are not in {ImageOptions.Section}:AllowedHosts");
    }

    private async Task<ReadOnlyMemory<byte>> FollowAsync(RemoteUrl url, CancellationToken cancellationToken)
    {
        for (var redirects = 0; ; redirects++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url.Uri) { Version = HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
            request.Headers.TryAddWithoutValidation("Accept", "image/png, image/jpeg, image/webp");
            request.Headers.TryAddWithoutValidation("User-Agent", "GuardSharp");
            request.Options.Set(_addressesKey, await ResolveAsync(url, cancellationToken).ConfigureAwait(false));
            using var response = await _http.SendAsync(request, cancellationToken).ConfigureAwait(false);
            if (response.StatusCode == HttpStatusCode.OK)
                return await ReadAsync(response, cancellationToken).ConfigureAwait(false);
            if (response.StatusCode is not (HttpStatusCode.Moved or HttpStatusCode.Found or HttpStatusCode.SeeOther
                or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect))
            {
                throw new ImageRefusedException($"its host answered with the status {(int)response.StatusCode}");
            }

            if (redirects == MaxRedirects)
                throw new ImageRefusedException($"it was redirected more than {MaxRedirects} times");
            url = Next(url, response.Headers.Location ?? throw new ImageRefusedException("it was redirected to nowhere"));
        }
    }

    private RemoteUrl Next(RemoteUrl from, Uri location)
    {
        // The text as it came, so that its host meets the same rules; what is relative stays on the host.
        var next = Checked(location.IsAbsoluteUri ? location.OriginalString : new Uri(from.Uri, location).AbsoluteUri);
        return next.Host == from.Host && next.Port == from.Port && next.Uri.Scheme == from.Uri.Scheme
            ? next
            : throw new ImageRefusedException("it was redirected to another host, port or scheme");
    }

    private async Task<IPAddress[]> ResolveAsync(RemoteUrl url, CancellationToken cancellationToken)
    {
        var addresses = url.Address is { } literal ? [literal] : await _resolver.ResolveAsync(url.Host, cancellationToken).ConfigureAwait(false);
        // One closed address among public ones is no accident.
        return addresses.Length > 0 && addresses.All(_rule.Allows) ? addresses : throw Closed();
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        if (!context.InitialRequestMessage.Options.TryGetValue(_addressesKey, out var addresses))
            throw Closed();
        Exception? last = null;
        foreach (var address in addresses)
        {
            if (!_rule.Allows(address))
                throw Closed();
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(address, context.DnsEndPoint.Port), cancellationToken).ConfigureAwait(false);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException e)
            {
                socket.Dispose();
                last = e;
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }

        throw last ?? Closed();
    }

    private async Task<ReadOnlyMemory<byte>> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var limit = _options.MaxImageBytes;
        if (response.Content.Headers.ContentLength > limit)
            throw TooLarge();
        using var stream = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        using var bytes = new MemoryStream((int)Math.Min(response.Content.Headers.ContentLength ?? 0, 1 << 20));
        var buffer = new byte[64 * 1024];
        while (await stream.ReadAsync(buffer, cancellationToken).ConfigureAwait(false) is > 0 and var read)
        {
            if (bytes.Length + read > limit)
                throw TooLarge();
            bytes.Write(buffer, 0, read);
        }

        // The first bytes decide, not what the host calls it: nothing but a picture gets in.
        return ImageFormat.Detect(bytes.GetBuffer().AsSpan(0, (int)bytes.Length)) is not null
            ? bytes.GetBuffer().AsMemory(0, (int)bytes.Length)
            : throw new ImageRefusedException("what came is no PNG, JPEG or WebP file");
    }

    private ImageRefusedException TooLarge() => new($"it has more than {_options.MaxImageBytes} bytes, which is the most allowed");

    private static ImageRefusedException Closed() => new("its host has no address on the public internet, or one that is not");
}
