using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace GuardSharp.Tests.Hub;

/// <summary>A request as it arrived.</summary>
internal sealed record FakeRequest(string Path, IReadOnlyDictionary<string, string> Headers)
{
    public string? Token => Headers.GetValueOrDefault("authorization");

    public long From => Headers.GetValueOrDefault("range") is { } range ? long.Parse(range["bytes=".Length..].TrimEnd('-'), CultureInfo.InvariantCulture) : 0;
}

/// <summary>An answer. The connection closes after it; <see cref="CutAfter"/> closes it before the body is whole, and a silent one never comes.</summary>
internal sealed record FakeAnswer(int Status, byte[] Body)
{
    public Dictionary<string, string> Headers { get; init; } = [];

    public int? CutAfter { get; init; }

    public bool IsSilent { get; init; }

    public static FakeAnswer Text(int status, string text) => new(status, Encoding.UTF8.GetBytes(text));
}

/// <summary>A server that plays the hub, down to the bytes on the wire: a library's server would not send what a broken one does.</summary>
internal sealed class FakeHub : IAsyncDisposable
{
    public const string Repository = "meta-llama/Llama-Guard-Test";
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    public FakeHub()
    {
        _listener.Start();
        _loop = AcceptAsync();
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/");

    /// <summary>The files of the repository; those ending in .safetensors are large ones.</summary>
    public Dictionary<string, byte[]> Files { get; } = [];

    /// <summary>Answers in place of the usual ones; null: the usual one.</summary>
    public Func<FakeRequest, FakeAnswer?> Fault { get; set; } = _ => null;

    /// <summary>All requests, in order of arrival.</summary>
    public ConcurrentQueue<FakeRequest> Requests { get; } = new();

    /// <summary>The list of files as the hub writes it.</summary>
    public string Listing(Func<string, string>? rename = null) => $$"""{"id":"{{Repository}}","sha":"{{Commit}}","siblings":[{{string.Join(',', Files.Select(file => Entry((rename ?? (name => name))(file.Key), file.Value)))}}]}""";

    public static string Sha256(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    /// <summary>The name that Git gives a content.</summary>
    public static string GitHash(byte[] content)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        hash.AppendData(Encoding.ASCII.GetBytes($"blob {content.Length}\0"));
        hash.AppendData(content);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        _listener.Dispose();
        _stop.Dispose();
    }

    private static string Entry(string name, byte[] content) => name.EndsWith(".safetensors", StringComparison.Ordinal)
        ? $$$"""{"rfilename":"{{{name}}}","size":{{{content.Length}}},"blobId":"{{{new string('e', 40)}}}","lfs":{"sha256":"{{{Sha256(content)}}}","size":{{{content.Length}}},"pointerSize":134}}"""
        : $$$"""{"rfilename":"{{{name}}}","size":{{{content.Length}}},"blobId":"{{{GitHash(content)}}}"}""";

    private FakeAnswer Usual(FakeRequest request)
    {
        if (request.Path == $"/api/models/{Repository}/revision/main?blobs=true")
        {
            return FakeAnswer.Text(200, Listing());
        }

        var name = Uri.UnescapeDataString(request.Path.Replace($"/{Repository}/resolve/{Commit}/", "", StringComparison.Ordinal));
        return !Files.TryGetValue(name, out var content) ? FakeAnswer.Text(404, "")
            : request.From == 0 ? new FakeAnswer(200, content)
            : new FakeAnswer(206, content[(int)request.From..])
            {
                Headers = { ["Content-Range"] = $"bytes {request.From}-{content.Length - 1}/{content.Length}" },
            };
    }

    private async Task AcceptAsync()
    {
        var answers = new List<Task>();
        try
        {
            while (true)
            {
                answers.Add(AnswerAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(answers);
        }
    }

    private async Task AnswerAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                var stream = client.GetStream();
                var request = await ReadAsync(stream);
                Requests.Enqueue(request);
                var answer = Fault(request) ?? Usual(request);
                await Task.Delay(answer.IsSilent ? Timeout.Infinite : 0, _stop.Token);
                var head = new StringBuilder($"HTTP/1.1 {answer.Status} Said\r\nConnection: close\r\nContent-Length: {answer.Body.Length}\r\n");
                foreach (var (key, value) in answer.Headers)
                {
                    head.Append(CultureInfo.InvariantCulture, $"{key}: {value}\r\n");
                }

                await stream.WriteAsync(Encoding.ASCII.GetBytes(head.Append("\r\n").ToString()), _stop.Token);
                await stream.WriteAsync(answer.Body.AsMemory(0, answer.CutAfter ?? answer.Body.Length), _stop.Token);
            }
            catch (Exception error) when (error is IOException or OperationCanceledException)
            {
                // The client went away: that is what some tests are about.
            }
        }
    }

    private async Task<FakeRequest> ReadAsync(NetworkStream stream)
    {
        using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
        var path = (await reader.ReadLineAsync(_stop.Token) ?? throw new IOException("no request")).Split(' ')[1];
        var headers = new Dictionary<string, string>();
        while (await reader.ReadLineAsync(_stop.Token) is { Length: > 0 } line)
        {
            var colon = line.IndexOf(':');
            headers[line[..colon].ToLowerInvariant()] = line[(colon + 1)..].Trim();
        }

        return new FakeRequest(path, headers);
    }
}
