using System.Text;
using GuardSharp.Evaluation.Datasets.Parquet;

namespace GuardSharp.Evaluation.Samples;

/// <summary>One row of a file as text.</summary>
/// <param name="Line">Its number, from 1: the line, or the row of a Parquet file.</param>
/// <param name="Text">The row; null where the file is damaged.</param>
/// <param name="Damage">What is wrong there; null where nothing is.</param>
internal readonly record struct RowLine(long Line, string? Text, string? Damage = null);

/// <summary>Reads the rows of JSON Lines, plain or gzip, and of Parquet as JSON texts. The kind is told by the first bytes.</summary>
/// <remarks>A damaged row is a row with its damage, and the next one follows; nothing follows where the file itself breaks off.</remarks>
internal static class RowLines
{
    private static readonly UTF8Encoding _strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The rows of a file; blank lines are passed over.</summary>
    /// <exception cref="SampleFileException">The file is missing or may not be read.</exception>
    public static IEnumerable<RowLine> Read(string path)
    {
        using var file = Open(path, out var start);
        if (ParquetRowReader.Magic.SequenceEqual(start))
        {
            foreach (var row in ParquetRowReader.Read(file))
            {
                yield return row;
            }

            yield break;
        }

        var isGzip = start is [0x1F, 0x8B, ..];
        using var stream = isGzip ? MarkedGzip.Open(file) : file;
        foreach (var row in isGzip ? WithoutMark(Lines(stream)) : Lines(stream))
        {
            if (row.Text is null || !string.IsNullOrWhiteSpace(row.Text))
            {
                yield return row;
            }
        }
    }

    /// <summary>The folder of a file: where the paths of its pictures start.</summary>
    /// <exception cref="SampleFileException">The text is no path.</exception>
    public static string FolderOf(string path)
    {
        try
        {
            return Path.GetDirectoryName(Path.GetFullPath(path)) ?? ".";
        }
        catch (Exception error) when (error is ArgumentException or NotSupportedException or IOException)
        {
            throw Unreadable(path, error);
        }
    }

    private static FileStream Open(string path, out byte[] start)
    {
        start = new byte[4];
        try
        {
            var file = File.OpenRead(path);
            var count = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
            start = start[..count];
            file.Position = 0;
            return file;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw Unreadable(path, error);
        }
    }

    private static SampleFileException Unreadable(string path, Exception error) => new($"{path}: the file cannot be read: {error.Message}", error);

    private static IEnumerable<RowLine> Lines(Stream stream)
    {
        var lines = new ByteLines(stream);
        for (long number = 1; ; number++)
        {
            var row = Next(lines, number, out var isEnd);
            if (isEnd && row.Damage is null)
            {
                yield break;
            }

            yield return row;
            if (isEnd)
            {
                yield break;
            }
        }
    }

    private static RowLine Next(ByteLines lines, long number, out bool isEnd)
    {
        isEnd = true;
        try
        {
            if (lines.Next() is not { } bytes)
            {
                return default;
            }

            isEnd = false;
            var span = bytes.Span;
            // Editors put a byte order mark before UTF-8; it is no part of the first row.
            return new RowLine(number, _strict.GetString(number == 1 && span.StartsWith("\uFEFF"u8) ? span[3..] : span));
        }
        catch (DecoderFallbackException)
        {
            return new RowLine(number, null, "the text is not UTF-8. Convert the file to UTF-8.");
        }
        catch (Exception error) when (error is IOException or InvalidDataException)
        {
            return new RowLine(number, null, $"the file is damaged or cut off: {error.Message}");
        }
    }

    // Only the last line can be ours: the same line further up is a row like any other.
    private static IEnumerable<RowLine> WithoutMark(IEnumerable<RowLine> rows)
    {
        RowLine? held = null;
        foreach (var row in rows)
        {
            if (held is { } before)
            {
                yield return before;
            }

            held = row;
        }

        if (held is { Text: not MarkedGzip.EndLine } last)
        {
            yield return last;
        }

        if (held is not { Text: MarkedGzip.EndLine } && held?.Damage is null)
        {
            yield return new RowLine((held?.Line ?? 0) + 1, null, "the gzip file is cut off behind this line. Download or pack it again.");
        }
    }
}
