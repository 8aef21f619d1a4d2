using System.Buffers.Binary;

namespace GuardSharp.Checkpoints.Gguf;

/// <summary>Walks over the bytes of a header; a read past the end is an error, not a crash.</summary>
/// <param name="file">For messages.</param>
/// <param name="content">The bytes.</param>
internal ref struct GgufCursor(string file, ReadOnlySpan<byte> content)
{
    private readonly ReadOnlySpan<byte> _content = content;

    /// <summary>The next byte.</summary>
    public int Position { get; private set; }

    /// <summary>The next bytes.</summary>
    public ReadOnlySpan<byte> Take(long count)
    {
        if (count < 0 || count > _content.Length - Position)
        {
            throw new CheckpointException($"{file}: the header ends at byte {_content.Length}, but asks for {count} bytes from byte {Position} on. Is the file fully downloaded?");
        }

        var bytes = _content.Slice(Position, (int)count);
        Position += (int)count;
        return bytes;
    }

    /// <summary>A count of 8 bytes.</summary>
    public long Count(string what, long most)
    {
        var count = BinaryPrimitives.ReadUInt64LittleEndian(Take(8));
        return count <= (ulong)most ? (long)count : throw new CheckpointException($"{file}: {count} {what}; at most {most} are allowed. The file is damaged.");
    }

    /// <summary>A text: its length in 8 bytes, its UTF-8.</summary>
    public ReadOnlySpan<byte> Text() => Take(Count("bytes of a text", int.MaxValue));

    /// <summary>The type of a value.</summary>
    public GgufValueType ValueType(string key)
    {
        var type = BinaryPrimitives.ReadUInt32LittleEndian(Take(4));
        return type <= (uint)GgufValueType.Double ? (GgufValueType)type : throw new CheckpointException(
            $"{file}: the metadata key \"{Printable.Of(key)}\" has the type {type}; 0 to 12 are known. The file is damaged.");
    }

    /// <summary>Walks over values of one type.</summary>
    public void SkipValues(string key, GgufValueType type, long count)
    {
        if (type == GgufValueType.List)
        {
            throw new CheckpointException($"{file}: the metadata key \"{Printable.Of(key)}\" is a list of lists, which no known key is. The file is damaged.");
        }

        if (type != GgufValueType.Text)
        {
            // Count is at most 2^31, so this does not overflow.
            Take(count * GgufValue.Size(type));
            return;
        }

        for (var i = 0L; i < count; i++)
        {
            Text();
        }
    }
}
