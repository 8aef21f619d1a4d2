using System.IO.Compression;
using System.Text;
using GuardSharp.Evaluation.Datasets.Parquet;
using GuardSharp.Evaluation.Predictions;

namespace GuardSharp.Evaluation.Datasets;

/// <summary>Where rows are written: a file that appears whole or not at all, its kind told by its name.</summary>
internal abstract class RowSink : IDisposable
{
    /// <summary>Opens a file to write.</summary>
    /// <param name="path">Ends in .jsonl, .jsonl.gz or .parquet.</param>
    /// <exception cref="GuardException">The name ends otherwise, or the folder cannot be written.</exception>
    public static RowSink Create(string path) => path switch
    {
        _ when path.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase) => new JsonLinesSink(path, gzip: false),
        _ when path.EndsWith(".jsonl.gz", StringComparison.OrdinalIgnoreCase) => new JsonLinesSink(path, gzip: true),
        _ when path.EndsWith(".parquet", StringComparison.OrdinalIgnoreCase) => new ParquetSink(path),
        _ => throw new GuardException($"{path}: rows are written as .jsonl, .jsonl.gz or .parquet. Name the file so."),
    };

    /// <summary>Writes one row.</summary>
    /// <param name="json">One JSON object. Paths of its pictures are relative to the file that is written.</param>
    public void Write(string json) => Write(json, []);

    /// <summary>Writes one row with bytes of its pictures, which only Parquet holds.</summary>
    /// <param name="json">One JSON object.</param>
    /// <param name="pictures">For each part of type image, in order, its bytes or null where its path counts; empty: all paths count.</param>
    public abstract void Write(string json, IReadOnlyList<byte[]?> pictures);

    /// <summary>Puts the file in its place.</summary>
    public abstract void Commit();

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>JSON Lines, plain or gzip. The same rows give the same bytes.</summary>
    private sealed class JsonLinesSink : RowSink
    {
        private readonly PendingFile _file;
        private readonly Stream _stream;

        public JsonLinesSink(string path, bool gzip)
        {
            _file = new PendingFile(path);
            _stream = gzip ? new GZipStream(_file.Stream, CompressionLevel.Optimal, leaveOpen: true) : _file.Stream;
        }

        public override void Write(string json, IReadOnlyList<byte[]?> pictures)
        {
            // A Parquet column may hold JSON over several lines: between tokens a line break is a blank, and within strings there is none.
            _stream.Write(Encoding.UTF8.GetBytes(json.Replace('\n', ' ').Replace('\r', ' ')));
            _stream.WriteByte((byte)'\n');
        }

        public override void Commit()
        {
            if (_stream != _file.Stream)
            {
                _stream.Dispose();
            }

            _file.Commit();
        }

        public override void Dispose()
        {
            try
            {
                _stream.Dispose();
            }
            finally
            {
                _file.Dispose();
            }
        }
    }
}
