using System.ClientModel;
using System.ClientModel.Primitives;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OpenAI;

namespace GuardSharp.Server.Chat;

/// <summary>The connection to the upstream model. One for the server; safe from any thread.</summary>
internal sealed class Upstream : IDisposable
{
    private readonly HttpClient? _http;

    /// <param name="options">Where the upstream is.</param>
    /// <param name="time">The clock of its limits.</param>
    /// <param name="log">Hears of its failures, by their kind.</param>
    public Upstream(IOptions<ChatProxyOptions> options, TimeProvider time, ILogger<UpstreamClient> log)
    {
        var chat = options.Value;
        if (chat.UpstreamUrl is null)
            return;
        // No redirects: the key and the chat go where configuration says, and nowhere else.
        _http = new HttpClient(new LimitedResponses(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }, chat.MaxUpstreamBytes))
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
        var key = chat.ApiKey ?? (chat.ApiKeyEnvironmentVariable is { } variable ? Environment.GetEnvironmentVariable(variable) : null);
        var client = new OpenAIClient(
            // The client insists on a key; a server without keys does not look at it.
            new ApiKeyCredential(key ?? "none"),
            new OpenAIClientOptions
            {
                Endpoint = new Uri(chat.UpstreamUrl),
                Transport = new HttpClientPipelineTransport(_http),
                RetryPolicy = new ClientRetryPolicy(chat.UpstreamRetries),
                NetworkTimeout = TimeSpan.FromSeconds(chat.UpstreamTimeoutSeconds),
            });
        Client = new UpstreamClient(client.GetChatClient(chat.Model ?? "default").AsIChatClient(), TimeSpan.FromSeconds(chat.UpstreamTimeoutSeconds), time, log);
    }

    /// <summary>Calls the upstream; null: none is configured.</summary>
    public IChatClient? Client { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Client?.Dispose();
        _http?.Dispose();
    }

    /// <summary>Cuts answers off that are longer than they may be.</summary>
    private sealed class LimitedResponses(HttpMessageHandler inner, long limit) : DelegatingHandler(inner)
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
            var content = new StreamContent(new LimitedStream(await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false), limit));
            foreach (var (name, values) in response.Content.Headers)
                content.Headers.TryAddWithoutValidation(name, values);
            response.Content = content;
            return response;
        }
    }

    private sealed class LimitedStream(Stream inner, long limit) : Stream
    {
        private long _read;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => _read;
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            Count(await inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false));

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) => Count(inner.Read(buffer, offset, count));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                inner.Dispose();
            base.Dispose(disposing);
        }

        private int Count(int read) =>
            (_read += read) <= limit ? read : throw new IOException($"The upstream's answer has more than {limit} bytes (MaxUpstreamBytes).");
    }
}
