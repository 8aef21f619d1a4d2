using System.Text;

namespace GuardSharp.Benchmarks;

/// <summary>An ONNX model of one node, y = f(x, constants), encoded by hand.</summary>
/// <remarks>onnx.proto: the field numbers are those of ModelProto, GraphProto, NodeProto, TensorProto, AttributeProto.</remarks>
internal static class OnnxModel
{
    public const int SingleType = 1;
    public const int ByteType = 2;

    private const int IntegerAttribute = 2;

    /// <summary>The model. Constants are the node's inputs behind x.</summary>
    public static byte[] Of(MatrixSize size, string operation, string domain, IReadOnlyList<byte[]> constants, IReadOnlyList<(string Name, long Value)> attributes)
    {
        byte[] node =
        [
            .. Text(1, "x"), .. constants.SelectMany((_, i) => Text(1, Name(i))), .. Text(2, "y"), .. Text(4, operation),
            .. attributes.SelectMany(attribute => Bytes(5, [.. Text(1, attribute.Name), .. Number(3, attribute.Value), .. Number(20, IntegerAttribute)])), .. Text(7, domain),
        ];
        byte[] graph =
        [
            .. Bytes(1, node), .. Text(2, "g"), .. constants.SelectMany((constant, i) => Bytes(5, [.. constant, .. Text(8, Name(i))])),
            .. Bytes(11, Value("x", size.Rows, size.Inputs)), .. Bytes(12, Value("y", size.Rows, size.Outputs)),
        ];
        var domains = new[] { ("", 21L), ("com.microsoft", 1L) };
        return [.. Number(1, 10), .. Bytes(7, graph), .. domains.SelectMany(d => Bytes(8, [.. Text(1, d.Item1), .. Number(2, d.Item2)]))];
    }

    /// <summary>A constant.</summary>
    public static byte[] Constant(int type, ReadOnlySpan<byte> data, params long[] shape) =>
        [.. shape.SelectMany(size => Number(1, size)), .. Number(2, type), .. Bytes(9, data.ToArray())];

    private static string Name(int constant) => $"c{constant}";

    private static byte[] Value(string name, int rows, int columns)
    {
        byte[] shape = [.. Bytes(1, Number(1, rows)), .. Bytes(1, Number(1, columns))];
        return [.. Text(1, name), .. Bytes(2, Bytes(1, [.. Number(1, SingleType), .. Bytes(2, shape)]))];
    }

    private static byte[] Number(int field, long value) => [.. Varint((ulong)(field << 3)), .. Varint((ulong)value)];

    private static byte[] Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    private static byte[] Bytes(int field, byte[] value) => [.. Varint((ulong)((field << 3) | 2)), .. Varint((ulong)value.Length), .. value];

    private static byte[] Varint(ulong value)
    {
        Span<byte> bytes = stackalloc byte[10];
        var count = 0;
        for (; value >= 0x80; value >>= 7) bytes[count++] = (byte)(value | 0x80);
        bytes[count++] = (byte)value;
        return bytes[..count].ToArray();
    }
}
