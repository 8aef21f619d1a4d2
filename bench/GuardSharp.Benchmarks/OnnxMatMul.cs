using System.Runtime.InteropServices;
using GuardSharp.Tensors;
using Microsoft.ML.OnnxRuntime;

namespace GuardSharp.Benchmarks;

/// <summary>A matrix product of ONNX Runtime with a constant second factor, which it packs when the session is made.</summary>
internal sealed class OnnxMatMul : IDisposable
{
    private readonly InferenceSession session;
    private readonly RunOptions options = new();
    private readonly OrtValue input;
    private readonly OrtValue output;

    private OnnxMatMul(MatrixSize size, byte[] model, float[] x, float[] y, int threads)
    {
        using var sessionOptions = new SessionOptions { IntraOpNumThreads = threads, InterOpNumThreads = 1 };
        session = new InferenceSession(model, sessionOptions);
        input = OrtValue.CreateTensorValueFromMemory(x, [size.Rows, size.Inputs]);
        output = OrtValue.CreateTensorValueFromMemory(y, [size.Rows, size.Outputs]);
    }

    /// <summary>MatMul in float32.</summary>
    /// <param name="size">Shapes.</param>
    /// <param name="x">[Rows, Inputs].</param>
    /// <param name="weight">[Outputs, Inputs], as checkpoints hold it.</param>
    /// <param name="y">[Rows, Outputs], the result.</param>
    /// <param name="threads">Threads in all.</param>
    public static OnnxMatMul OfSingles(MatrixSize size, float[] x, float[] weight, float[] y, int threads)
    {
        var numbers = new float[weight.Length];
        for (var o = 0; o < size.Outputs; o++)
        {
            for (var i = 0; i < size.Inputs; i++) numbers[((long)i * size.Outputs) + o] = weight[((long)o * size.Inputs) + i];
        }

        var constant = OnnxModel.Constant(OnnxModel.SingleType, MemoryMarshal.AsBytes<float>(numbers), size.Inputs, size.Outputs);
        return new OnnxMatMul(size, OnnxModel.Of(size, "MatMul", "", [constant], []), x, y, threads);
    }

    /// <summary>MatMulNBits (contributed operator): blocks of 32 with a scale each, activations rounded to 8 bits (accuracy level 4).</summary>
    public static OnnxMatMul OfBlocks(MatrixSize size, float[] x, BlockMatrix weight, float[] y, int threads)
    {
        var blocks = size.Inputs / BlockWeight.BlockSize;
        var (numbers, scales) = weight.ForOnnx();
        byte[][] constants =
        [
            OnnxModel.Constant(OnnxModel.ByteType, numbers, size.Outputs, blocks, numbers.Length / size.Outputs / blocks),
            OnnxModel.Constant(OnnxModel.SingleType, MemoryMarshal.AsBytes<float>(scales), (long)size.Outputs * blocks),
        ];
        (string, long)[] attributes =
            [("K", size.Inputs), ("N", size.Outputs), ("bits", weight.Type == BlockType.Int8 ? 8 : 4), ("block_size", BlockWeight.BlockSize), ("accuracy_level", 4)];
        return new OnnxMatMul(size, OnnxModel.Of(size, "MatMulNBits", "com.microsoft", constants, attributes), x, y, threads);
    }

    public void Run() => session.Run(options, ["x"], [input], ["y"], [output]);

    public void Dispose()
    {
        session.Dispose();
        options.Dispose();
        input.Dispose();
        output.Dispose();
    }
}
