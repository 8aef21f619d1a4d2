using System.Buffers.Binary;
using System.Text;

namespace GuardSharp.Checkpoints.Gguf;

/// <summary>Types of metadata values, by their numbers in the file.</summary>
internal enum GgufValueType
{
    UInt8 = 0,
    Int8 = 1,
    UInt16 = 2,
    Int16 = 3,
    UInt32 = 4,
    Int32 = 5,
    Single = 6,
    Bool = 7,
    Text = 8,
    List = 9,
    UInt64 = 10,
    Int64 = 11,
    Double = 12,
}

/// <summary>A metadata value where it lies in the file: nothing is copied until it is asked for.</summary>
/// <param name="Type">Its type; of a list, that of its entries.</param>
/// <param name="Count">Entries of a list; -1 where it is none.</param>
/// <param name="Start">Its first byte in the file, behind type and count.</param>
internal readonly record struct GgufValue(GgufValueType Type, long Count, int Start)
{
    /// <summary>Whether it is a list.</summary>
    public bool IsList => Count >= 0;

    /// <summary>Bytes of one value of a type; 0: it says so itself (texts) or may not stand there.</summary>
    public static int Size(GgufValueType type) => type switch
    {
        GgufValueType.UInt8 or GgufValueType.Int8 or GgufValueType.Bool => 1,
        GgufValueType.UInt16 or GgufValueType.Int16 => 2,
        GgufValueType.UInt32 or GgufValueType.Int32 or GgufValueType.Single => 4,
        GgufValueType.UInt64 or GgufValueType.Int64 or GgufValueType.Double => 8,
        _ => 0,
    };

    /// <summary>The whole number at a place; null when the type is no whole number or it exceeds a long.</summary>
    public static long? Integer(GgufValueType type, ReadOnlySpan<byte> at) => type switch
    {
        GgufValueType.UInt8 => at[0],
        GgufValueType.Int8 => (sbyte)at[0],
        GgufValueType.UInt16 => BinaryPrimitives.ReadUInt16LittleEndian(at),
        GgufValueType.Int16 => BinaryPrimitives.ReadInt16LittleEndian(at),
        GgufValueType.UInt32 => BinaryPrimitives.ReadUInt32LittleEndian(at),
        GgufValueType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(at),
        GgufValueType.Int64 => BinaryPrimitives.ReadInt64LittleEndian(at),
        GgufValueType.UInt64 => BinaryPrimitives.ReadUInt64LittleEndian(at) is var value and <= long.MaxValue ? (long)value : null,
        _ => null,
    };

    /// <summary>The number at a place; null when the type is none.</summary>
    public static double? Number(GgufValueType type, ReadOnlySpan<byte> at) => type switch
    {
        GgufValueType.Single => BinaryPrimitives.ReadSingleLittleEndian(at),
        GgufValueType.Double => BinaryPrimitives.ReadDoubleLittleEndian(at),
        _ => Integer(type, at),
    };

    /// <summary>A text from its UTF-8; damaged bytes become U+FFFD.</summary>
    public static string Text(ReadOnlySpan<byte> utf8) => Encoding.UTF8.GetString(utf8);
}
