using System.Buffers;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Polly;

namespace GuardSharp.Hub;

/// <summary>Fetches one file: goes on where an earlier attempt stopped, hashes what comes in, and gives the file its name only when the hash is right.</summary>
internal sealed class BlobDownload : IDisposable
{
    private const int BlockBytes = 1 << 18;

    // An attempt that came this much further than any before was worth it: it does not count towards the few that may fail.
    private const long WorthwhileBytes = 1 << 20;

    private readonly HubHttp _http;
    private readonly ResiliencePipeline _attempts;
    private readonly HubSubject _subject;
    private readonly HubFile _file;
    private readonly Action<long> _received;
    private readonly FileStream _partial;
    private IncrementalHash _hash;
    private long _furthest;

    /// <param name="http">The hub.</param>
    /// <param name="attempts">Repeats what failed for a moment.</param>
    /// <param name="subject">Repository, revision and file, for messages.</param>
    /// <param name="file">What the hub says about the file.</param>
    /// <param name="partialPath">Where the content is collected.</param>
    /// <param name="received">Told how many bytes came in; a negative number takes some back.</param>
    public BlobDownload(HubHttp http, ResiliencePipeline attempts, HubSubject subject, HubFile file, string partialPath, Action<long> received)
    {
        (_http, _attempts, _subject, _file, _received) = (http, attempts, subject, file, received);
        _partial = new FileStream(partialPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        _hash = NewHash();
    }

    /// <summary>Fetches the file from <paramref name="address"/> and moves it to <paramref name="path"/>.</summary>
    /// <exception cref="TransientFailure">Every attempt failed; what came stays for the next run.</exception>
    /// <exception cref="HubException">The content is not what the hub says.</exception>
    public async Task RunAsync(Uri address, string path, CancellationToken cancellationToken)
    {
        var wasHere = await HashPartialAsync(cancellationToken).ConfigureAwait(false);
        await FetchAsync(address, cancellationToken).ConfigureAwait(false);
        if (Digest() is var first && first != _file.Hash)
        {
            Restart();
            if (!wasHere)
            {
                throw WrongHash(first);
            }

            // The part of an earlier run may have been the wrong one: once more, from the first byte.
            await FetchAsync(address, cancellationToken).ConfigureAwait(false);
            if (Digest() is var second && second != _file.Hash)
            {
                Restart();
                throw WrongHash(second);
            }
        }

        _partial.Flush(flushToDisk: true);
        await _partial.DisposeAsync().ConfigureAwait(false);
        File.Move(_partial.Name, path, overwrite: true);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _hash.Dispose();
        var unused = !_partial.SafeFileHandle.IsClosed && _partial.Length == 0;
        _partial.Dispose();
        if (unused)
        {
            File.Delete(_partial.Name);
        }
    }

    private async Task FetchAsync(Uri address, CancellationToken cancellationToken)
    {
        while (_partial.Position < _file.Size)
        {
            await _attempts.ExecuteAsync(token => ReceiveAsync(address, token), cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask ReceiveAsync(Uri address, CancellationToken cancellationToken)
    {
        var start = _partial.Position;
        using var response = await _http.GetAsync(_subject, address, start, cancellationToken).ConfigureAwait(false);
        var isRest = response.StatusCode == HttpStatusCode.PartialContent && response.Content.Headers.ContentRange?.From == start;
        if (start > 0 && !isRest)
        {
            // A server without ranges sends the whole file.
            Restart();
        }

        if (!isRest && response.StatusCode != HttpStatusCode.OK)
        {
            throw new TransientFailure($"the server answered {(int)response.StatusCode} with another part than asked for");
        }

        try
        {
            await CopyAsync(response, cancellationToken).ConfigureAwait(false);
        }
        catch (TransientFailure) when (_partial.Position - _furthest >= WorthwhileBytes)
        {
            // The caller goes on from here, with a fresh number of attempts.
            _furthest = _partial.Position;
        }
    }

    private async Task CopyAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BlockBytes);
        try
        {
            var body = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
            int count;
            while ((count = await _http.ReadAsync(body, buffer, cancellationToken).ConfigureAwait(false)) > 0)
            {
                if (count > _file.Size - _partial.Position)
                {
                    Restart();
                    throw new HubException($"{_subject.Name}: more than the {_file.Size:N0} bytes came that the hub lists. Nothing was kept; try again later.");
                }

                await _partial.WriteAsync(buffer.AsMemory(0, count), cancellationToken).ConfigureAwait(false);
                _hash.AppendData(buffer, 0, count);
                _received(count);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        if (_partial.Position < _file.Size)
        {
            throw new TransientFailure($"the file ended after {_partial.Position:N0} of {_file.Size:N0} bytes");
        }
    }

    // True: a part of an earlier run is used.
    private async Task<bool> HashPartialAsync(CancellationToken cancellationToken)
    {
        if (_partial.Length > _file.Size)
        {
            _partial.SetLength(0);
        }

        var buffer = new byte[BlockBytes];
        int count;
        while ((count = await _partial.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
        {
            _hash.AppendData(buffer, 0, count);
        }

        _furthest = _partial.Length;
        return _partial.Length > 0;
    }

    private void Restart()
    {
        _received(-_partial.Position);
        _partial.SetLength(0);
        _partial.Position = 0;
        _hash.Dispose();
        _hash = NewHash();
    }

    // Git hashes a small file behind a header with its length; large ones are plain SHA-256.
    private IncrementalHash NewHash()
    {
        if (_file.Hash.Length == 64)
        {
            return IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        }

        var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        hash.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {_file.Size}\0")));
        return hash;
    }

    private string Digest() => Convert.ToHexStringLower(_hash.GetHashAndReset());

    private HubException WrongHash(string seen) => new(
        $"{_subject.Name}: the hash of what came is {seen}, but the hub lists {_file.Hash}. The file was not kept; try again, or do not trust the mirror.");
}
