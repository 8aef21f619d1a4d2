using System.IO.Compression;
using System.Text;

namespace GuardSharp.Evaluation.Samples;

/// <summary>A gzip file that tells when it was cut off.</summary>
/// <remarks>
/// GZipStream takes a file that ends early for a whole one, so half a file would pass as all of it. A gzip file may be several members end to end
/// (RFC 1952, 2.2): one more, of a single known line, is appended while reading. It comes out behind a whole file only; behind one that was cut off
/// its bytes are damaged data or are lost.
/// </remarks>
internal static class MarkedGzip
{
    /// <summary>The line behind the last one of a whole file.</summary>
    public const string EndLine = "# the whole gzip file was read";

    /// <summary>Unpacks a file, its end marked.</summary>
    public static Stream Open(Stream file) => new GZipStream(new Appended(file, EndMember()), CompressionMode.Decompress);

    private static MemoryStream EndMember()
    {
        var member = new MemoryStream();
        using (var gzip = new GZipStream(member, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(Encoding.UTF8.GetBytes($"\n{EndLine}\n"));
        }

        member.Position = 0;
        return member;
    }

    /// <summary>The bytes of one stream, then those of another.</summary>
    private sealed class Appended(Stream first, MemoryStream second) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(Span<byte> buffer) => first.Read(buffer) is var count and > 0 ? count : second.Read(buffer);

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
