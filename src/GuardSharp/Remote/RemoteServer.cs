using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;
using Polly;
using Polly.CircuitBreaker;
using Polly.Timeout;

namespace GuardSharp.Remote;

/// <summary>The server, spoken to over HTTP: a body goes out, a body comes back, or an error that says what to do.</summary>
/// <remarks>Safe from any thread. Nothing that a server writes enters a message: servers quote what they were sent.</remarks>
internal sealed partial class RemoteServer : IDisposable
{
    // An answer with 20 alternatives at each of a hundred tokens is some 200 KB.
    private const int MaxBodyBytes = 4 << 20;

    private readonly RemoteGuardOptions _options;
    private readonly ResiliencePipeline _attempts;
    private readonly HttpClient _client;
    private readonly bool _ownsClient;
    private readonly Uri _root;
    private readonly TimeProvider _time;

    /// <param name="options">Already checked.</param>
    /// <param name="client">Sends the requests, and stays the caller's; null: a client of our own.</param>
    /// <param name="time">The clock of waits and limits.</param>
    public RemoteServer(RemoteGuardOptions options, HttpClient? client, TimeProvider time)
    {
        (_options, _time, _ownsClient) = (options, time, client is null);
        _client = client ?? NewClient(options);
        _attempts = AttemptPolicy.Build(options, time);
        var address = options.Endpoint.GetLeftPart(UriPartial.Path).TrimEnd('/');
        _root = new Uri(address.EndsWith("/v1", StringComparison.Ordinal) ? address + "/" : address + "/v1/");
    }

    /// <summary>Sends a request, again if that may help.</summary>
    /// <param name="path">Behind /v1/.</param>
    /// <param name="body">UTF-8 JSON.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="RemoteGuardException">No answer came.</exception>
    /// <exception cref="ContextOverflowException">The server says that the prompt is too long, and by how much.</exception>
    public async Task<byte[]> PostAsync(string path, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        try
        {
            return await _attempts.ExecuteAsync(
                static (state, token) => state.Server.SendAsync(state.Path, state.Body, token), (Server: this, Path: path, Body: body), cancellationToken).ConfigureAwait(false);
        }
        catch (AttemptFailure failure)
        {
            throw new RemoteGuardException($"{_root.Authority}: {failure.Message}. Asked {_options.Retries + 1} times at most; try again later.", true, failure.Wait, failure);
        }
        catch (BrokenCircuitException circuit)
        {
            throw new RemoteGuardException(
                $"{_root.Authority}: failed too often, so it is left alone for {_options.CircuitBreakSeconds.ToString(CultureInfo.InvariantCulture)} s. Is the server up?", true, circuit.RetryAfter, circuit);
        }
        catch (TimeoutRejectedException timeout) when (!cancellationToken.IsCancellationRequested)
        {
            throw new RemoteGuardException(
                $"{_root.Authority}: no answer within {timeout.Timeout.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s. Is the server overloaded? TimeoutSeconds and AttemptTimeoutSeconds give it longer.", true, null, timeout);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_ownsClient)
            _client.Dispose();
    }

    private static HttpClient NewClient(RemoteGuardOptions options) => new(new SocketsHttpHandler
    {
        // A key must not follow a redirect, and a model server has no reason for one.
        AllowAutoRedirect = false,
        UseCookies = false,
        // Services behind a name change their addresses.
        PooledConnectionLifetime = TimeSpan.FromMinutes(2),
        MaxConnectionsPerServer = options.MaxConcurrency,
    })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    private async ValueTask<byte[]> SendAsync(string path, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_root, path)) { Content = new ReadOnlyMemoryContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        if (_options.ApiKey is { } key)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        try
        {
            using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
            var content = await ReadAsync(response.Content, cancellationToken).ConfigureAwait(false);
            return response.StatusCode == HttpStatusCode.OK ? content : throw Failure(response, content);
        }
        catch (Exception error) when (error is HttpRequestException or IOException)
        {
            throw new AttemptFailure(error is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError }
                ? "cannot be reached" : "the connection broke", innerException: error);
        }
    }

    private static async Task<byte[]> ReadAsync(HttpContent content, CancellationToken cancellationToken)
    {
        var stream = await content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        using var body = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (await stream.ReadAsync(buffer, cancellationToken).ConfigureAwait(false) is > 0 and var count)
        {
            body.Write(buffer, 0, count);
            if (body.Length > MaxBodyBytes)
                throw new RemoteGuardException($"The server's answer exceeds {MaxBodyBytes >> 20} MiB. Is it a model server?", isTransient: false);
        }

        return body.ToArray();
    }

    private Exception Failure(HttpResponseMessage response, byte[] content)
    {
        var status = (int)response.StatusCode;
        if (response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable)
            return new AttemptFailure($"answered {status}, busy", isBusy: response.StatusCode == HttpStatusCode.TooManyRequests, Wait(response));
        if (response.StatusCode == HttpStatusCode.RequestTimeout || (status >= 500 && status != 501))
            return new AttemptFailure($"answered {status}", wait: Wait(response));
        if (status is 400 or 413 or 422 && Overflow(content) is { } overflow)
            return overflow;
        return new RemoteGuardException($"{_root.Authority} answered {status}: " + status switch
        {
            401 or 403 => "it does not accept the key. Set ApiKey.",
            404 or 405 => $"there is no {_root.AbsolutePath} of that kind, or no model \"{_options.Model}\". Look at Endpoint, Mode and Model.",
            400 or 413 or 422 => "it refuses the request. Does the conversation fit its context, does it take images, and does it allow as many TopLogprobs?",
            >= 300 and < 400 => "it redirects, which is not followed. Set Endpoint to the address itself.",
            _ => "it gave no completion. Does Endpoint name an OpenAI-compatible server?",
        }, isTransient: false);
    }

    /// <summary>What vLLM, SGLang and llama.cpp write of a prompt that is too long; only its numbers are taken.</summary>
    private static ContextOverflowException? Overflow(byte[] content)
    {
        var text = Encoding.UTF8.GetString(content);
        var own = LlamaCppOverflow().Match(text);
        var match = own.Success ? own : ContextLength().Match(text);
        return match.Success
            && int.TryParse(match.Groups["needed"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var needed)
            && int.TryParse(match.Groups["allowed"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var allowed)
            ? new ContextOverflowException(needed, allowed)
            : null;
    }

    private TimeSpan? Wait(HttpResponseMessage response)
    {
        var wait = response.Headers.RetryAfter?.Delta ?? (response.Headers.RetryAfter?.Date - _time.GetUtcNow());
        return wait < TimeSpan.Zero ? TimeSpan.Zero : wait;
    }

    [GeneratedRegex("\"n_prompt_tokens\":\\s*(?<needed>[0-9]{1,9}),\\s*\"n_ctx\":\\s*(?<allowed>[0-9]{1,9})", RegexOptions.CultureInvariant)]
    private static partial Regex LlamaCppOverflow();

    [GeneratedRegex("maximum context length is (?<allowed>[0-9]{1,9}) tokens[^0-9]{1,80}(?<needed>[0-9]{1,9})", RegexOptions.CultureInvariant)]
    private static partial Regex ContextLength();
}
