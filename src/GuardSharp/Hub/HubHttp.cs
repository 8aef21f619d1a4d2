using System.Net;
using System.Net.Http.Headers;

namespace GuardSharp.Hub;

/// <summary>A failure that another attempt may mend: a cut connection, a busy server.</summary>
/// <param name="message">What happened.</param>
/// <param name="wait">How long the server asks to wait; null: it does not say.</param>
/// <param name="innerException">The cause.</param>
internal sealed class TransientFailure(string message, TimeSpan? wait = null, Exception? innerException = null) : Exception(message, innerException)
{
    /// <summary>How long the server asks to wait.</summary>
    public TimeSpan? Wait { get; } = wait;
}

/// <summary>Requests to the hub: follows redirects itself, so that the token goes to the hub and to nobody else.</summary>
internal sealed class HubHttp : IDisposable
{
    // As browsers count; the hub needs two.
    private const int MaxRedirects = 10;

    private readonly HubOptions _options;
    private readonly HttpClient _client;

    public HubHttp(HubOptions options)
    {
        _options = options;
        _client = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = TimeSpan.FromSeconds(20),
            MaxConnectionsPerServer = options.Connections + 1,
        })
        { Timeout = Timeout.InfiniteTimeSpan };
        _client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("guardsharp", typeof(HubHttp).Assembly.GetName().Version?.ToString(3) ?? "0"));
        // Hashes and ranges are of the file itself, not of a compressed answer.
        _client.DefaultRequestHeaders.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
    }

    /// <summary>Gets an address, from a byte on.</summary>
    /// <param name="subject">What is asked for; errors name it.</param>
    /// <param name="address">An address of the hub.</param>
    /// <param name="from">First byte wanted; above 0 asks for a part.</param>
    /// <param name="cancellationToken">Stops the request.</param>
    /// <returns>An answer of status 200, 206 or 416; its content is not read yet.</returns>
    /// <exception cref="TransientFailure">Another attempt may work.</exception>
    /// <exception cref="HubException">It will not.</exception>
    public async Task<HttpResponseMessage> GetAsync(HubSubject subject, Uri address, long from, CancellationToken cancellationToken)
    {
        for (var hop = 0; hop <= MaxRedirects; hop++)
        {
            var response = await SendAsync(address, from, cancellationToken).ConfigureAwait(false);
            if (response.StatusCode is HttpStatusCode.OK or HttpStatusCode.PartialContent or HttpStatusCode.RequestedRangeNotSatisfiable)
            {
                return response;
            }

            using (response)
            {
                address = response.StatusCode is HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.SeeOther
                        or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect
                    ? Next(address, response.Headers.Location)
                    : throw HubFailure.Of(response, subject, _options, isHub: IsHub(address));
            }
        }

        throw new HubException($"{subject.Name}: the hub redirected more than {MaxRedirects} times. Is HF_ENDPOINT right?");
    }

    /// <summary>Reads the next bytes of an answer.</summary>
    /// <exception cref="TransientFailure">The connection broke, or nothing came for too long.</exception>
    public async ValueTask<int> ReadAsync(Stream body, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(_options.Patience);
        try
        {
            return await body.ReadAsync(buffer, patience.Token).ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or HttpRequestException)
        {
            throw new TransientFailure($"the connection broke: {error.Message}", innerException: error);
        }
        catch (OperationCanceledException error) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TransientFailure($"nothing came for {_options.Patience.TotalSeconds:F0} s", innerException: error);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    private async Task<HttpResponseMessage> SendAsync(Uri address, long from, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        if (from > 0)
        {
            request.Headers.Range = new RangeHeaderValue(from, null);
        }

        // Large files lie on hosts of other companies, which must not see the token.
        if (_options.Token is { } token && IsHub(address))
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(_options.Patience);
        try
        {
            return await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience.Token).ConfigureAwait(false);
        }
        catch (HttpRequestException error)
        {
            throw new TransientFailure($"{address.Host} cannot be reached: {error.Message}", innerException: error);
        }
        catch (OperationCanceledException error) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TransientFailure($"{address.Host} did not answer for {_options.Patience.TotalSeconds:F0} s", innerException: error);
        }
    }

    private bool IsHub(Uri address) => address.Scheme == _options.Endpoint.Scheme && address.Host == _options.Endpoint.Host && address.Port == _options.Endpoint.Port;

    private static Uri Next(Uri address, Uri? location)
    {
        var next = location is not null && Uri.TryCreate(address, location, out var joined) ? joined : null;
        var allowed = next is not null && (next.Scheme == Uri.UriSchemeHttps || (next.Scheme == Uri.UriSchemeHttp && address.Scheme == Uri.UriSchemeHttp));
        return allowed ? next! : throw new HubException(
            $"{address.Host} redirects to \"{Checkpoints.Printable.Of(location?.ToString() ?? "")}\"; only https is followed. Do not trust this server.");
    }
}
