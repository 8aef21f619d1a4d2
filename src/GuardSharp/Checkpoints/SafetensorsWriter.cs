using System.Buffers.Binary;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace GuardSharp.Checkpoints;

/// <summary>A tensor to be written.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">How its numbers are stored.</param>
/// <param name="Shape">Sizes, outermost first.</param>
internal sealed record TensorPlan(string Name, TensorType Type, long[] Shape);

/// <summary>Writes a safetensors file block by block. The file appears under its name only when <see cref="Commit"/> has seen every byte.</summary>
/// <remarks>
/// Tensors may be filled in any order, each from its beginning. The format allows no holes, so data is aligned by its order: tensors whose length is a
/// multiple of 64 bytes come first, each of them at such a multiple of the file; then the others, the largest numbers first.
/// Not safe for concurrent use. Without Commit, Dispose removes what was written.
/// </remarks>
internal sealed class SafetensorsWriter : IDisposable
{
    // A line of the cache, and the longest vector that a kernel loads. The reference writer aligns data to 8 bytes.
    private const int Alignment = 64;

    private readonly string _path;
    private readonly string _temporaryPath;
    private readonly SafeFileHandle _file;
    private readonly Dictionary<string, Slot> _slots = [];
    private bool _done;

    private SafetensorsWriter(string path, string temporaryPath, SafeFileHandle file)
    {
        _path = path;
        _temporaryPath = temporaryPath;
        _file = file;
    }

    /// <summary>Writes the header to a temporary file beside <paramref name="path"/>.</summary>
    /// <param name="path">The file to create or replace.</param>
    /// <param name="tensors">All tensors the file will hold.</param>
    /// <param name="metadata">Texts for <c>__metadata__</c>.</param>
    /// <exception cref="CheckpointException">A name twice, an impossible shape, or a folder that cannot be written.</exception>
    public static SafetensorsWriter Create(string path, IEnumerable<TensorPlan> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var temporary = ReplacedFile.TemporaryPath(path);
        SafetensorsWriter writer;
        try
        {
            writer = new SafetensorsWriter(path, temporary, File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.Write));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{Path.GetFileName(path)}: the file cannot be written: {exception.Message}", exception);
        }

        try
        {
            writer.WriteHeader(tensors, metadata ?? new Dictionary<string, string>());
            return writer;
        }
        catch
        {
            writer.Dispose();
            throw;
        }
    }

    /// <summary>Writes the next bytes of a tensor, little endian.</summary>
    /// <exception cref="CheckpointException">The file plans no such tensor, it would become longer than planned, or the disk is full.</exception>
    public void Append(string name, ReadOnlySpan<byte> bytes) => Write(bytes, Advance(name, bytes.Length));

    /// <summary>Writes the next numbers of an F32 tensor.</summary>
    public void Append(string name, ReadOnlySpan<float> numbers) => Append(name, System.Runtime.InteropServices.MemoryMarshal.AsBytes(numbers));

    /// <summary>Leaves the next bytes of a tensor zero; most file systems store nothing for them.</summary>
    public void AppendZeros(string name, long bytes) => Advance(name, bytes);

    /// <summary>Checks that every tensor is complete and gives the file its name.</summary>
    /// <exception cref="CheckpointException">A tensor is incomplete, or the file cannot be written.</exception>
    public void Commit()
    {
        ObjectDisposedException.ThrowIf(_done, this);
        foreach (var (name, slot) in _slots)
        {
            if (slot.Written != slot.Bytes)
            {
                throw new CheckpointException(
                    $"{Path.GetFileName(_path)}: tensor \"{Printable.Of(name)}\" has {slot.Written} of its {slot.Bytes} bytes, so the file is not complete.");
            }
        }

        try
        {
            RandomAccess.FlushToDisk(_file);
            _file.Dispose();
            File.Move(_temporaryPath, _path, overwrite: true);
            _done = true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw WriteError(exception);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_done)
        {
            _done = true;
            _file.Dispose();
            File.Delete(_temporaryPath);
        }
    }

    private void WriteHeader(IEnumerable<TensorPlan> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        // A stable sort: equals keep the caller's order.
        var sorted = tensors.OrderByDescending(tensor => ByteCount(tensor) % Alignment == 0).ThenByDescending(tensor => tensor.Type.Size()).ToList();
        var dataBytes = 0L;
        foreach (var tensor in sorted)
        {
            var slot = new Slot(dataBytes, ByteCount(tensor));
            if (!_slots.TryAdd(tensor.Name, slot) || tensor.Name is "" or "__metadata__")
            {
                throw PlanError(tensor, "its name is empty, reserved or planned twice");
            }

            dataBytes = slot.Bytes <= long.MaxValue / 2 - dataBytes ? dataBytes + slot.Bytes : throw PlanError(tensor, "the file would be too large");
        }

        using var json = new MemoryStream();
        json.Write(stackalloc byte[SafetensorsHeader.PrefixBytes]);
        using (var writer = new Utf8JsonWriter(json))
        {
            WriteJson(writer, sorted, metadata);
        }

        while (json.Length % Alignment != 0)
        {
            json.WriteByte((byte)' ');
        }

        var header = json.GetBuffer().AsSpan(0, (int)json.Length);
        BinaryPrimitives.WriteInt64LittleEndian(header, header.Length - SafetensorsHeader.PrefixBytes);
        foreach (var slot in _slots.Values)
        {
            slot.Start += header.Length;
        }

        Write(header, 0);
        SetLength(header.Length + dataBytes);
    }

    private void WriteJson(Utf8JsonWriter writer, IEnumerable<TensorPlan> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        writer.WriteStartObject();
        if (metadata.Count > 0)
        {
            writer.WriteStartObject("__metadata__");
            foreach (var (key, value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            {
                writer.WriteString(key, value);
            }

            writer.WriteEndObject();
        }

        foreach (var tensor in tensors)
        {
            var slot = _slots[tensor.Name];
            writer.WriteStartObject(tensor.Name);
            writer.WriteString("dtype", tensor.Type.FileName());
            WriteNumbers(writer, "shape", tensor.Shape);
            WriteNumbers(writer, "data_offsets", [slot.Start, slot.Start + slot.Bytes]);
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
    }

    private static void WriteNumbers(Utf8JsonWriter writer, string key, ReadOnlySpan<long> numbers)
    {
        writer.WriteStartArray(key);
        foreach (var number in numbers)
        {
            writer.WriteNumberValue(number);
        }

        writer.WriteEndArray();
    }

    private long ByteCount(TensorPlan tensor)
    {
        if (tensor.Shape.Any(size => size < 0))
        {
            throw PlanError(tensor, "a size is negative");
        }

        var bytes = TensorTypes.Bytes(tensor.Type, tensor.Shape);
        return bytes <= long.MaxValue / 2 ? bytes : throw PlanError(tensor, "it is too large");
    }

    private CheckpointException PlanError(TensorPlan tensor, string problem) => new(
        $"{Path.GetFileName(_path)}: tensor \"{Printable.Of(tensor.Name)}\" {Printable.Shape(tensor.Shape)} {tensor.Type.FileName()} cannot be written: {problem}.");

    private long Advance(string name, long bytes)
    {
        ObjectDisposedException.ThrowIf(_done, this);
        if (!_slots.TryGetValue(name, out var slot) || bytes > slot.Bytes - slot.Written)
        {
            throw new CheckpointException($"{Path.GetFileName(_path)}: tensor \"{Printable.Of(name)}\" has room for "
                + $"{(slot is null ? 0 : slot.Bytes - slot.Written)} more bytes, but {bytes} came. Plan its shape as it is written.");
        }

        slot.Written += bytes;
        return slot.Start + slot.Written - bytes;
    }

    private void Write(ReadOnlySpan<byte> bytes, long offset)
    {
        try
        {
            RandomAccess.Write(_file, bytes, offset);
        }
        catch (IOException exception)
        {
            throw WriteError(exception);
        }
    }

    private void SetLength(long bytes)
    {
        try
        {
            RandomAccess.SetLength(_file, bytes);
        }
        catch (IOException exception)
        {
            throw WriteError(exception);
        }
    }

    private CheckpointException WriteError(Exception exception) =>
        new($"{Path.GetFileName(_path)}: the file cannot be written: {exception.Message}", exception);

    // Where a tensor goes: Start counts from the end of the header while that is written, from the beginning of the file afterwards.
    private sealed class Slot(long start, long bytes)
    {
        public long Start { get; set; } = start;

        public long Bytes { get; } = bytes;

        public long Written { get; set; }
    }
}
