using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace GuardSharp.Benchmarks;

/// <summary>ONNX Runtime's MatMul with a constant second factor, which it packs when the session is made.</summary>
internal sealed class OnnxMatMul : IDisposable
{
    private const int SingleType = 1;

    private readonly InferenceSession session;
    private readonly RunOptions options = new();
    private readonly OrtValue input;
    private readonly OrtValue output;

    /// <param name="size">Shapes.</param>
    /// <param name="x">[Rows, Inputs].</param>
    /// <param name="weight">[Outputs, Inputs], as checkpoints hold it.</param>
    /// <param name="y">[Rows, Outputs], the result.</param>
    /// <param name="threads">Threads in all.</param>
    public OnnxMatMul(MatrixSize size, float[] x, float[] weight, float[] y, int threads)
    {
        using var sessionOptions = new SessionOptions { IntraOpNumThreads = threads, InterOpNumThreads = 1 };
        session = new InferenceSession(Model(size, weight), sessionOptions);
        input = OrtValue.CreateTensorValueFromMemory(x, [size.Rows, size.Inputs]);
        output = OrtValue.CreateTensorValueFromMemory(y, [size.Rows, size.Outputs]);
    }

    public void Run() => session.Run(options, ["x"], [input], ["y"], [output]);

    public void Dispose()
    {
        session.Dispose();
        options.Dispose();
        input.Dispose();
        output.Dispose();
    }

    /// <summary>A model of one node, y = x B, encoded by hand (onnx.proto: the field numbers are those of ModelProto, GraphProto, NodeProto, TensorProto).</summary>
    private static byte[] Model(MatrixSize size, float[] weight)
    {
        var numbers = new float[weight.Length];
        for (var o = 0; o < size.Outputs; o++)
        {
            for (var i = 0; i < size.Inputs; i++) numbers[((long)i * size.Outputs) + o] = weight[((long)o * size.Inputs) + i];
        }

        byte[] initializer = [.. Number(1, size.Inputs), .. Number(1, size.Outputs), .. Number(2, SingleType), .. Text(8, "b"), .. Bytes(9, MemoryMarshal.AsBytes<float>(numbers).ToArray())];
        byte[] node = [.. Text(1, "x"), .. Text(1, "b"), .. Text(2, "y"), .. Text(4, "MatMul")];
        byte[] graph = [.. Bytes(1, node), .. Text(2, "g"), .. Bytes(5, initializer), .. Bytes(11, Value("x", size.Rows, size.Inputs)), .. Bytes(12, Value("y", size.Rows, size.Outputs))];
        return [.. Number(1, 8), .. Bytes(7, graph), .. Bytes(8, [.. Text(1, ""), .. Number(2, 13)])];
    }

    private static byte[] Value(string name, int rows, int columns)
    {
        byte[] shape = [.. Bytes(1, Number(1, rows)), .. Bytes(1, Number(1, columns))];
        return [.. Text(1, name), .. Bytes(2, Bytes(1, [.. Number(1, SingleType), .. Bytes(2, shape)]))];
    }

    private static byte[] Number(int field, long value) => [(byte)(field << 3), .. Varint((ulong)value)];

    private static byte[] Text(int field, string value) => Bytes(field, System.Text.Encoding.UTF8.GetBytes(value));

    private static byte[] Bytes(int field, byte[] value) => [(byte)((field << 3) | 2), .. Varint((ulong)value.Length), .. value];

    private static byte[] Varint(ulong value)
    {
        Span<byte> bytes = stackalloc byte[10];
        var count = 0;
        for (; value >= 0x80; value >>= 7) bytes[count++] = (byte)(value | 0x80);
        bytes[count++] = (byte)value;
        return bytes[..count].ToArray();
    }
}
