using System.Buffers;
using System.Text.Json;

namespace GuardSharp.Server.Audit.Recording;

/// <summary>Decisions of one run that wait on disk while the store is away: JSON Lines, oldest first, of bounded size.</summary>
/// <remarks>Not safe from several threads at once. Exists only while something waits.</remarks>
internal sealed class SpillFile(string path, long maxBytes) : IDisposable
{
    private const int ChunkRows = 256;
    private const int BlockBytes = 1 << 16;

    private FileStream? _file;
    private long _read;
    private long _written;
    private bool _closed;

    /// <summary>Bytes that wait.</summary>
    public long WaitingBytes => Volatile.Read(ref _written) - Volatile.Read(ref _read);

    /// <summary>Opens what an earlier process left; nothing where it left nothing.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public void Adopt()
    {
        if (File.Exists(path))
        {
            _file = PrivateFile.Open(path);
            Volatile.Write(ref _written, _file.Length);
        }
    }

    /// <summary>Appends rows and forces them to disk.</summary>
    /// <returns>How many were kept, from the first on: fewer than all where the file or the disk is full.</returns>
    public int Append(IReadOnlyList<DecisionRow> rows)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        var buffer = new ArrayBufferWriter<byte>();
        var kept = 0;
        foreach (var row in rows)
        {
            var line = JsonSerializer.SerializeToUtf8Bytes(row, RecordingJson.Default.DecisionRow);
            if (_written + buffer.WrittenCount + line.Length + 1 > maxBytes)
            {
                break;
            }

            buffer.Write(line);
            buffer.Write("\n"u8);
            kept++;
        }

        return kept > 0 && TryWrite(buffer.WrittenSpan) ? kept : 0;
    }

    /// <summary>The oldest rows that wait.</summary>
    /// <returns>No rows and 0 bytes: nothing waits.</returns>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public SpillChunk Read()
    {
        if (_file is null || WaitingBytes == 0)
        {
            return new SpillChunk([], 0, 0);
        }

        var bytes = ReadLines();
        var rows = new List<DecisionRow>();
        var damaged = 0;
        var used = 0;
        while (used < bytes.Length && rows.Count < ChunkRows)
        {
            var end = bytes.AsSpan(used).IndexOf((byte)'\n');
            var line = end < 0 ? bytes.AsSpan(used) : bytes.AsSpan(used, end);
            used += end < 0 ? line.Length : end + 1;
            if (Parse(line) is { } row)
            {
                rows.Add(row);
            }
            else
            {
                damaged++;
            }
        }

        return new SpillChunk(rows, used, damaged);
    }

    /// <summary>Forgets a chunk that is in the store; the last one takes the file with it.</summary>
    public void Forget(SpillChunk chunk)
    {
        Volatile.Write(ref _read, _read + chunk.Bytes);
        if (_file is not null && WaitingBytes == 0)
        {
            _file.Dispose();
            _file = null;
            File.Delete(path);
            Volatile.Write(ref _read, 0);
            Volatile.Write(ref _written, 0);
        }
    }

    /// <summary>Closes the file; what waits stays for the next start.</summary>
    public void Dispose()
    {
        _closed = true;
        _file?.Dispose();
    }

    private static DecisionRow? Parse(ReadOnlySpan<byte> line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, RecordingJson.Default.DecisionRow);
        }
        catch (JsonException)
        {
            // The last line of a process that was killed while it wrote. Its number is missing from then on, and told as such.
            return null;
        }
    }

    private bool TryWrite(ReadOnlySpan<byte> lines)
    {
        try
        {
            _file ??= PrivateFile.OpenOrCreate(path);
            RandomAccess.Write(_file.SafeFileHandle, lines, _written);
            _file.Flush(flushToDisk: true);
            Volatile.Write(ref _written, _written + lines.Length);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            CutBack();
            return false;
        }
    }

    // Half a line would swallow the next one.
    private void CutBack()
    {
        try
        {
            _file?.SetLength(_written);
        }
        catch (IOException)
        {
            // The next write begins at the same place anyway.
        }
    }

    // Whole lines, at least one however long it is; the end of the file counts as the end of a line.
    private byte[] ReadLines()
    {
        var size = (int)Math.Min(BlockBytes, WaitingBytes);
        while (true)
        {
            var bytes = new byte[size];
            var count = ReadBlock(bytes);
            var last = bytes.AsSpan(0, count).LastIndexOf((byte)'\n');
            if (last >= 0)
            {
                return bytes[..(last + 1)];
            }

            if (count == WaitingBytes || count < size)
            {
                return bytes[..count];
            }

            size = (int)Math.Min(Math.Min(size * 2L, WaitingBytes), Array.MaxLength);
        }
    }

    private int ReadBlock(Span<byte> bytes)
    {
        var count = 0;
        while (count < bytes.Length && RandomAccess.Read(_file!.SafeFileHandle, bytes[count..], _read + count) is var more and > 0)
        {
            count += more;
        }

        return count;
    }
}

/// <summary>Rows read from a spill file.</summary>
/// <param name="Rows">The rows.</param>
/// <param name="Bytes">How much of the file they took, damaged lines included.</param>
/// <param name="Damaged">Lines that were no rows.</param>
internal sealed record SpillChunk(IReadOnlyList<DecisionRow> Rows, long Bytes, int Damaged);
