using System.Buffers.Binary;

namespace GuardSharp.Checkpoints.Gguf;

/// <summary>The header of a GGUF file: metadata, and where each tensor lies.</summary>
/// <remarks>Source: the GGUF specification (ggml, docs/gguf.md), versions 2 and 3, little endian.</remarks>
internal sealed class GgufHeader
{
    /// <summary>Magic, version and the two counts.</summary>
    public const int LeastBytes = 24;

    private const int DefaultAlignment = 32;
    // Bounds that no model in sight reaches; they only keep damaged files from asking for absurd memory.
    private const long MaxTensors = 1 << 16;
    private const long MaxKeys = 1 << 16;
    private const int MaxDimensions = 4;
    private const long MaxAlignment = 1 << 20;

    private readonly Dictionary<string, GgufValue> _metadata = [];
    private readonly List<GgufTensor> _tensors = [];

    private GgufHeader()
    {
    }

    /// <summary>Values by key.</summary>
    public IReadOnlyDictionary<string, GgufValue> Metadata => _metadata;

    /// <summary>Tensors in the order of the file.</summary>
    public IReadOnlyList<GgufTensor> Tensors => _tensors;

    /// <summary>Where the data begins.</summary>
    public long DataStart { get; private set; }

    /// <summary>Reads a header.</summary>
    /// <param name="file">For messages.</param>
    /// <param name="content">The file, or its first 2 GiB.</param>
    /// <param name="fileBytes">Length of the whole file.</param>
    /// <exception cref="CheckpointException">Damaged, big endian, or of another version.</exception>
    public static GgufHeader Parse(string file, ReadOnlySpan<byte> content, long fileBytes)
    {
        var cursor = new GgufCursor(file, content);
        if (!cursor.Take(4).SequenceEqual("GGUF"u8))
        {
            throw new CheckpointException($"{file}: does not begin with \"GGUF\". Is it a GGUF file, fully downloaded?");
        }

        var version = BinaryPrimitives.ReadUInt32LittleEndian(cursor.Take(4));
        if (version is not (2 or 3))
        {
            throw new CheckpointException($"{file}: GGUF version {version}, but 2 and 3 in little endian are supported. Convert the model again with a current llama.cpp.");
        }

        var tensors = cursor.Count("tensors", MaxTensors);
        var keys = cursor.Count("metadata keys", MaxKeys);
        var header = new GgufHeader();
        for (var i = 0L; i < keys; i++)
        {
            header.ReadValue(file, ref cursor);
        }

        var alignment = header.Alignment(file, content);
        for (var i = 0L; i < tensors; i++)
        {
            header._tensors.Add(ReadTensor(file, ref cursor, alignment));
        }

        header.DataStart = (cursor.Position + alignment - 1) / alignment * alignment;
        header.CheckPlaces(file, fileBytes);
        return header;
    }

    private void ReadValue(string file, ref GgufCursor cursor)
    {
        var key = GgufValue.Text(cursor.Text());
        var type = cursor.ValueType(key);
        var (count, start) = (-1L, cursor.Position);
        if (type == GgufValueType.List)
        {
            type = cursor.ValueType(key);
            count = cursor.Count($"entries of {Printable.Of(key)}", int.MaxValue);
            start = cursor.Position;
        }

        cursor.SkipValues(key, type, count < 0 ? 1 : count);
        if (!_metadata.TryAdd(key, new GgufValue(type, count, start)))
        {
            throw new CheckpointException($"{file}: the metadata key \"{Printable.Of(key)}\" stands twice. The file is damaged.");
        }
    }

    private int Alignment(string file, ReadOnlySpan<byte> content)
    {
        if (!_metadata.TryGetValue("general.alignment", out var value))
        {
            return DefaultAlignment;
        }

        var alignment = value.IsList ? null : GgufValue.Integer(value.Type, content[value.Start..]);
        return alignment is >= 8 and <= MaxAlignment && (alignment & (alignment - 1)) == 0 ? (int)alignment : throw new CheckpointException(
            $"{file}: general.alignment is {alignment?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "no whole number"}; a power of two from 8 to {MaxAlignment} is allowed. The file is damaged.");
    }

    private static GgufTensor ReadTensor(string file, ref GgufCursor cursor, int alignment)
    {
        var name = GgufValue.Text(cursor.Text());
        var dimensions = BinaryPrimitives.ReadUInt32LittleEndian(cursor.Take(4));
        if (dimensions is 0 or > MaxDimensions)
        {
            throw new CheckpointException($"{file}: tensor \"{Printable.Of(name)}\" has {dimensions} dimensions; 1 to {MaxDimensions} are allowed. The file is damaged.");
        }

        // The file has the innermost size first.
        var shape = new long[dimensions];
        for (var i = shape.Length - 1; i >= 0; i--)
        {
            shape[i] = cursor.Count($"numbers of {Printable.Of(name)}", long.MaxValue);
        }

        var type = BinaryPrimitives.ReadUInt32LittleEndian(cursor.Take(4));
        var known = GgufTypes.Parse(type) ?? throw new CheckpointException(
            $"{file}: tensor \"{Printable.Of(name)}\" is of the GGML type {type}, but {GgufTypes.AllNames} are supported. Quantise the F16 file to one of them.");
        var offset = cursor.Count($"bytes before {Printable.Of(name)}", long.MaxValue);
        if (offset % alignment != 0)
        {
            throw new CheckpointException($"{file}: tensor \"{Printable.Of(name)}\" begins at {offset}, which is no multiple of the alignment {alignment}. The file is damaged.");
        }

        if (shape[^1] % known.BlockSize() != 0)
        {
            throw new CheckpointException($"{file}: tensor \"{Printable.Of(name)}\" {Printable.Shape(shape)} {known.FileName()} does not divide into blocks of {known.BlockSize()}. The file is damaged.");
        }

        return new GgufTensor(name, known, shape, offset, TensorTypes.Bytes(known, shape));
    }

    private void CheckPlaces(string file, long fileBytes)
    {
        var end = 0L;
        foreach (var tensor in _tensors.OrderBy(tensor => tensor.Offset))
        {
            if (tensor.Offset < end)
            {
                throw new CheckpointException($"{file}: tensor \"{Printable.Of(tensor.Name)}\" overlaps the one before it. The file is damaged.");
            }

            if (tensor.Bytes > fileBytes - DataStart || tensor.Offset > fileBytes - DataStart - tensor.Bytes)
            {
                throw new CheckpointException($"{file}: tensor \"{Printable.Of(tensor.Name)}\" ends past the file's {fileBytes} bytes. Is it fully downloaded?");
            }

            end = tensor.Offset + tensor.Bytes;
        }
    }
}

/// <summary>A tensor of the header.</summary>
/// <param name="Name">The name in the file.</param>
/// <param name="Type">How its numbers are stored.</param>
/// <param name="Shape">Sizes, outermost first.</param>
/// <param name="Offset">From the start of the data.</param>
/// <param name="Bytes">Length.</param>
internal sealed record GgufTensor(string Name, TensorType Type, long[] Shape, long Offset, long Bytes);
