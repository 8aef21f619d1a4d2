using System.Buffers;
using Microsoft.AspNetCore.Http;

namespace GuardSharp.Server.Judging;

/// <summary>How many bytes of bodies are held now, all requests together. Safe from any thread.</summary>
/// <param name="limit">Bytes.</param>
internal sealed class BodyMemory(long limit)
{
    private long _held;

    /// <summary>Takes bytes, if there is room for them.</summary>
    public bool TryTake(long bytes)
    {
        if (Interlocked.Add(ref _held, bytes) <= limit)
        {
            return true;
        }

        Give(bytes);
        return false;
    }

    /// <summary>Gives bytes back.</summary>
    public void Give(long bytes) => Interlocked.Add(ref _held, -bytes);
}

/// <summary>The bytes of a request's body, in rented memory that is wiped when it is given back.</summary>
internal sealed class RequestBody : IDisposable
{
    private const int FirstRead = 16 * 1024;

    private readonly BodyMemory _memory;
    private byte[] _buffer;
    private int _length;

    private RequestBody(BodyMemory memory, byte[] buffer) => (_memory, _buffer) = (memory, buffer);

    /// <summary>The bytes, a byte order mark left out.</summary>
    public ReadOnlyMemory<byte> Bytes
    {
        get
        {
            var all = _buffer.AsMemory(0, _length);
            return all.Span.StartsWith("\uFEFF"u8) ? all[3..] : all;
        }
    }

    /// <summary>Reads a body whole.</summary>
    /// <exception cref="ApiException">429: the bodies of other requests take all the memory there is for them.</exception>
    /// <exception cref="BadHttpRequestException">413 too large.</exception>
    public static async Task<RequestBody> ReadAsync(HttpContext context, long maxBytes, BodyMemory memory)
    {
        if (context.Request.ContentLength > maxBytes)
        {
            throw TooLarge();
        }

        // Memory for what came, not for what is announced: else a few clients that send nothing would hold all there is.
        var body = new RequestBody(memory, Rent(memory, (int)Math.Min(context.Request.ContentLength + 1 ?? FirstRead, FirstRead)));
        try
        {
            while (await context.Request.Body.ReadAsync(body._buffer.AsMemory(body._length), context.RequestAborted).ConfigureAwait(false) is > 0 and var read)
            {
                body._length += read;
                if (body._length > maxBytes)
                {
                    throw TooLarge();
                }

                body.MakeRoom(context.Request.ContentLength + 1);
            }

            return body;
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        var buffer = Interlocked.Exchange(ref _buffer, []);
        if (buffer.Length > 0)
        {
            Return(buffer);
        }
    }

    private void MakeRoom(long? announced)
    {
        if (_length < _buffer.Length)
        {
            return;
        }

        var larger = Rent(_memory, (int)Math.Min(2L * _buffer.Length, announced ?? Array.MaxLength));
        _buffer.AsSpan(0, _length).CopyTo(larger);
        Return(_buffer);
        _buffer = larger;
    }

    private static byte[] Rent(BodyMemory memory, int bytes)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(bytes);
        if (memory.TryTake(buffer.Length))
        {
            return buffer;
        }

        ArrayPool<byte>.Shared.Return(buffer);
        throw ApiException.TooMany("Requests under way take all the memory that this server has for bodies (MaxBodyBytesTogether). Try again later.", "server_busy", TimeSpan.FromSeconds(1));
    }

    private void Return(byte[] buffer)
    {
        _memory.Give(buffer.Length);
        buffer.AsSpan(0, Math.Min(_length, buffer.Length)).Clear();
        ArrayPool<byte>.Shared.Return(buffer);
    }

    private static BadHttpRequestException TooLarge() => new("", StatusCodes.Status413PayloadTooLarge);
}
