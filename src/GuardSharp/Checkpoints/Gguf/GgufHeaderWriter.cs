using System.Text;

namespace GuardSharp.Checkpoints.Gguf;

/// <summary>Collects metadata and tensors of a GGUF file (version 3, little endian) and writes its header.</summary>
/// <remarks>Layout: GGUF specification (ggml, docs/gguf.md). Read back by <see cref="GgufHeader"/>.</remarks>
internal sealed class GgufHeaderWriter : IDisposable
{
    /// <summary>Header and every tensor end at a multiple of this.</summary>
    public const int Alignment = 32;

    private const uint Version = 3;

    private readonly MemoryStream _metadata = new();
    private readonly MemoryStream _tensors = new();
    private readonly BinaryWriter _values;
    private readonly BinaryWriter _places;
    private long _keys;
    private long _count;

    /// <summary>An empty header.</summary>
    public GgufHeaderWriter() => (_values, _places) = (new BinaryWriter(_metadata), new BinaryWriter(_tensors));

    /// <summary>Bytes of all tensors added so far, with their padding.</summary>
    public long DataBytes { get; private set; }

    /// <summary>A length rounded up to the alignment.</summary>
    public static long Padded(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    /// <summary>Adds a text.</summary>
    public void Add(string key, string text)
    {
        Key(key, GgufValueType.Text);
        Text(_values, text);
    }

    /// <summary>Adds a whole number.</summary>
    public void Add(string key, int number)
    {
        Key(key, GgufValueType.UInt32);
        _values.Write((uint)number);
    }

    /// <summary>Adds a number.</summary>
    public void Add(string key, float number)
    {
        Key(key, GgufValueType.Single);
        _values.Write(number);
    }

    /// <summary>Adds a list of texts.</summary>
    public void Add(string key, IReadOnlyList<string> texts)
    {
        List(key, GgufValueType.Text, texts.Count);
        foreach (var text in texts)
        {
            Text(_values, text);
        }
    }

    /// <summary>Adds a list of whole numbers.</summary>
    public void Add(string key, IReadOnlyList<int> numbers)
    {
        List(key, GgufValueType.Int32, numbers.Count);
        foreach (var number in numbers)
        {
            _values.Write(number);
        }
    }

    /// <summary>Adds a tensor behind those added before.</summary>
    /// <param name="name">Its name in the file.</param>
    /// <param name="type">How its numbers are stored.</param>
    /// <param name="shape">Sizes, outermost first; the file has the innermost first.</param>
    public void AddTensor(string name, TensorType type, ReadOnlySpan<long> shape)
    {
        Text(_places, name);
        _places.Write((uint)shape.Length);
        for (var i = shape.Length - 1; i >= 0; i--)
        {
            _places.Write(shape[i]);
        }

        _places.Write(GgufTypes.Number(type));
        _places.Write(DataBytes);
        DataBytes += Padded(TensorTypes.Bytes(type, shape));
        _count++;
    }

    /// <summary>The header up to where the data begins.</summary>
    public byte[] ToArray()
    {
        using var header = new MemoryStream();
        using var writer = new BinaryWriter(header);
        writer.Write("GGUF"u8);
        writer.Write(Version);
        writer.Write(_count);
        writer.Write(_keys);
        _values.Flush();
        _places.Flush();
        _metadata.WriteTo(header);
        _tensors.WriteTo(header);
        header.SetLength(Padded(header.Length));
        return header.ToArray();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _values.Dispose();
        _places.Dispose();
    }

    private void Key(string key, GgufValueType type)
    {
        Text(_values, key);
        _values.Write((uint)type);
        _keys++;
    }

    private void List(string key, GgufValueType type, int count)
    {
        Key(key, GgufValueType.List);
        _values.Write((uint)type);
        _values.Write((long)count);
    }

    private static void Text(BinaryWriter writer, string text)
    {
        writer.Write((long)Encoding.UTF8.GetByteCount(text));
        writer.Write(Encoding.UTF8.GetBytes(text));
    }
}
