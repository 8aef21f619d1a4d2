using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;
using GuardSharp.Tensors.Cpu.Blocks;

namespace GuardSharp.Tests.Tensors.Cpu;

/// <summary>Products with quantised weights against the same whole numbers multiplied one by one.</summary>
public sealed unsafe class BlockProductTests : IDisposable
{
    private readonly List<nint> _memory = [];
    private readonly Random _random = new(5);
    private readonly CpuOps _ops = new(2);

    public void Dispose()
    {
        _ops.Dispose();
        _memory.ForEach(address => NativeMemory.AlignedFree((void*)address));
    }

    // Odd sizes on purpose: blocks of 32, tiles of 4, 8 and 12 rows, one and two vectors, and a remainder of each.
    [Theory]
    [InlineData(1, 32, 8)]
    [InlineData(1, 588, 33)]
    [InlineData(2, 31, 1)]
    [InlineData(4, 2048, 5)]
    [InlineData(5, 64, 12)]
    [InlineData(16, 100, 100)]
    [InlineData(17, 2080, 23)]
    [InlineData(33, 320, 97)]
    [InlineData(70, 2336, 200)]
    [InlineData(530, 96, 13)]
    public void A_product_is_that_of_the_rounded_activations(int rows, int inputs, int outputs)
    {
        foreach (var type in Enum.GetValues<BlockType>())
        {
            foreach (var storage in Enum.GetValues<Storage>())
            {
                using var scope = _ops.Scope();
                var x = Numbers(rows * inputs);
                var weight = Weight(outputs, inputs, type, storage);
                var bias = Numbers(outputs);
                fixed (float* b = bias)
                {
                    var offsets = new StoredWeight("bias", 1, outputs, WeightType.F32, (nint)b);
                    Expect(_ops.Linear(_ops.Upload(x, rows, inputs), weight, offsets), x, weight, bias);
                }

                Expect(_ops.Linear(_ops.Upload(x, rows, inputs), weight), x, weight, null);
            }
        }
    }

    [Fact]
    public void Every_kernel_that_can_run_here_passes_its_check()
    {
        var kernels = KernelChoice.ForThisMachine().Kernels;
        foreach (var type in Enum.GetValues<BlockType>())
        {
            var check = new BlockCheck(kernels, type);
            Assert.All(BlockKernels.TilesOf(type), kernel => Assert.True(check.Passes(kernel), kernel.Name));
            Assert.All(BlockKernels.DotsOf(type), kernel => Assert.True(check.Passes(kernel), kernel.Name));
            Assert.Empty(_ops.KernelsFor(type).Failures);
        }
    }

    [Fact]
    public void A_kernel_that_computes_wrong_fails_its_check()
    {
        // The 4-bit kernels take the offset of 8-bit weights for theirs, and the other way round.
        var kernels = KernelChoice.ForThisMachine().Kernels;
        Assert.False(new BlockCheck(kernels, BlockType.Int8).Passes(new BlockDotKernel<PlainDot<FourBits>, Simd128, Vector128<float>>()));
        Assert.False(new BlockCheck(kernels, BlockType.Int4).Passes(new BlockDotKernel<PlainDot<EightBits>, Simd128, Vector128<float>>()));
        Assert.False(new BlockCheck(kernels, BlockType.Int8).Passes(new OffByOne()));
    }

    [Fact]
    public void Few_and_many_rows_give_the_same()
    {
        using var scope = _ops.Scope();
        foreach (var type in Enum.GetValues<BlockType>())
        {
            var weight = Weight(40, 640, type, Storage.PerToken);
            var x = Numbers(37 * 640);
            var together = Values(_ops.Linear(_ops.Upload(x, 37, 640), weight));
            for (var row = 0; row < 37; row++)
            {
                var alone = Values(_ops.Linear(_ops.Upload(x.AsSpan(row * 640, 640), 1, 640), weight));
                for (var output = 0; output < 40; output++)
                {
                    // The same whole numbers; 20 scaled sums of up to about 30 in another order.
                    Assert.Equal(together[(row * 40) + output], alone[output], 1e-4f);
                }
            }
        }
    }

    [Fact]
    public void A_number_that_is_none_makes_its_row_none()
    {
        using var scope = _ops.Scope();
        foreach (var type in Enum.GetValues<BlockType>())
        {
            foreach (var storage in (Storage[])[Storage.Own, Storage.PerToken])
            {
                foreach (var broken in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
                {
                    foreach (var rows in (int[])[2, 20])
                    {
                        var x = Numbers(rows * 64);
                        x[64 + 40] = broken;
                        var y = Values(_ops.Linear(_ops.Upload(x, rows, 64), Weight(3, 64, type, storage)));
                        Assert.All(y[..3], value => Assert.True(float.IsFinite(value)));
                        Assert.All(y[3..6], value => Assert.False(float.IsFinite(value)));
                        Assert.All(y[6..], value => Assert.True(float.IsFinite(value)));
                    }
                }
            }
        }
    }

    [Fact]
    public void Rows_of_zeros_give_the_bias()
    {
        using var scope = _ops.Scope();
        foreach (var storage in Enum.GetValues<Storage>())
        {
            Assert.All(Values(_ops.Linear(_ops.Upload(new float[3 * 96], 3, 96), Weight(9, 96, BlockType.Int4, storage))), value => Assert.Equal(0, value));
        }
    }

    [Fact]
    public void Rows_are_read_as_an_embedding()
    {
        using var scope = _ops.Scope();
        foreach (var type in Enum.GetValues<BlockType>())
        {
            foreach (var storage in Enum.GetValues<Storage>())
            {
                var table = Weight(7, 588, type, storage);
                var y = Values(_ops.Embed([6, 0, 6], table));
                for (var i = 0; i < 588; i++)
                {
                    Assert.Equal(ScaleOf(table, 6, i) * NumberOf(table, 6, i), y[i]);
                    Assert.Equal(ScaleOf(table, 0, i) * NumberOf(table, 0, i), y[588 + i]);
                    Assert.Equal(y[i], y[(2 * 588) + i]);
                }
            }
        }
    }

    [Fact]
    public void The_answer_tokens_are_rows_of_the_head()
    {
        using var scope = _ops.Scope();
        var head = Weight(50, 128, BlockType.Int8, Storage.Own);
        var x = _ops.Upload(Numbers(2 * 128), 2, 128);
        var all = Values(_ops.Linear(x, head));
        var some = Values(_ops.LinearRows(x, head, [49, 3]));
        // The few rows are multiplied in float32, without rounding the activations: 1/254 of the largest of a block each.
        Assert.Equal(all[49], some[0], 0.5f);
        Assert.Equal(all[53], some[3], 0.5f);
    }

    [Fact]
    public void A_packing_is_used_again_for_the_same_tensor_alone()
    {
        var (weight, narrow) = (Weight(24, 64, BlockType.Int4, Storage.Own), Weight(5, 32, BlockType.Int4, Storage.Own));
        float[] first, second;
        var (a, b) = (Numbers(20 * 64), Numbers(20 * 64));
        using (_ops.Scope())
        {
            first = Values(_ops.Linear(_ops.Upload(a, 20, 64), weight));
        }

        using (_ops.Scope())
        {
            // Memory of the first scope: the same address.
            second = Values(_ops.Linear(_ops.Upload(b, 20, 64), weight));
        }

        using var scope = _ops.Scope();
        Expect(first, a, weight, null);
        Expect(second, b, weight, null);
        var x = _ops.Upload(a, 20, 64);
        Assert.Equal(Values(_ops.Linear(x, weight)), Values(_ops.Linear(x, weight)));
        // The same memory in another shape.
        Expect(_ops.Linear(_ops.Reshape(x, 40, 32), narrow), a, narrow, null);
    }

    private enum Storage
    {
        Own,
        Gguf,
        Groups,
        PerToken,
    }

    private float[] Numbers(int count)
    {
        var numbers = new float[count];
        for (var i = 0; i < count; i++)
        {
            numbers[i] = (_random.NextSingle() * 2) - 1;
        }

        return numbers;
    }

    private BlockWeight Weight(int rows, int columns, BlockType type, Storage storage)
    {
        var blocks = (columns + 31) / 32;
        var bytes = type == BlockType.Int4 ? 16 : 32;
        var perScale = storage is Storage.Groups or Storage.PerToken ? 8 : 1;
        var gap = storage == Storage.Gguf ? 2 : 0;
        var scalesPerRow = (blocks + perScale - 1) / perScale;
        var numbers = Allocate(((long)rows * blocks * (bytes + gap)) + 64);
        _random.NextBytes(new Span<byte>((void*)numbers, rows * blocks * (bytes + gap)));
        var scales = gap > 0 ? numbers : Allocate(((long)rows * scalesPerRow * 2) + 64);
        var layout = new BlockLayout(
            numbers + gap, bytes + gap, (long)blocks * (bytes + gap), scales, gap > 0 ? bytes + gap : 2, gap > 0 ? (long)blocks * (bytes + gap) : scalesPerRow * 2, perScale);
        var weight = new BlockWeight("test", rows, columns, type, layout, storage switch
        {
            Storage.PerToken => ActivationRounding.Token,
            Storage.Gguf => ActivationRounding.HalfBlock,
            _ => ActivationRounding.Block,
        });
        for (var row = 0; row < rows; row++)
        {
            for (var scale = 0; scale < scalesPerRow; scale++)
            {
                *(Half*)(layout.Scales + (nint)(row * layout.ScaleRowPitch) + (scale * layout.ScalePitch)) = (Half)(_random.NextSingle() / 100);
            }

            // What fills up the last block is 0 in a file.
            for (var i = columns; i < blocks * 32; i++)
            {
                ref var place = ref *(byte*)(layout.Numbers + (nint)((row * layout.RowPitch) + (i / 32 * layout.BlockPitch)) + (type == BlockType.Int4 ? i % 16 : i % 32));
                place = type == BlockType.Int8 ? (byte)0 : i % 32 < 16 ? (byte)((place & 0xF0) | 8) : (byte)((place & 0xF) | 0x80);
            }
        }

        return weight;
    }

    private nint Allocate(long bytes)
    {
        _memory.Add((nint)NativeMemory.AlignedAlloc((nuint)bytes, 64));
        return _memory[^1];
    }

    private static int NumberOf(BlockWeight weight, int row, int i)
    {
        var block = (byte*)weight.Layout.Numbers + (row * weight.Layout.RowPitch) + (i / 32 * weight.Layout.BlockPitch);
        return weight.Type == BlockType.Int8 ? (sbyte)block[i % 32]
            : (i % 32 < 16 ? block[i % 16] & 0xF : block[i % 16] >> 4) - 8;
    }

    private static float ScaleOf(BlockWeight weight, int row, int i)
    {
        var layout = weight.Layout;
        return (float)*(Half*)((byte*)layout.Scales + (row * layout.ScaleRowPitch) + (i / 32 / layout.BlocksPerScale * layout.ScalePitch));
    }

    private void Expect(Tensor actual, float[] x, BlockWeight weight, float[]? bias) => Expect(Values(actual), x, weight, bias);

    private static void Expect(float[] actual, float[] x, BlockWeight weight, float[]? bias)
    {
        var rows = x.Length / weight.Columns;
        for (var row = 0; row < rows; row++)
        {
            var rounded = Rounded(x.AsSpan(row * weight.Columns, weight.Columns), weight.Activations);
            for (var output = 0; output < weight.Rows; output++)
            {
                double sum = bias?[output] ?? 0;
                double size = 1e-3;
                for (var i = 0; i < weight.Columns; i++)
                {
                    var term = rounded[i] * ScaleOf(weight, output, i) * NumberOf(weight, output, i);
                    sum += term;
                    size += Math.Abs(term);
                }

                // Whole numbers are exact; scales and sums of blocks are float32. With a zero point two large sums cancel.
                Assert.Equal(sum, actual[(row * weight.Rows) + output], size * (weight.Activations == ActivationRounding.Token ? 2e-5 : 3e-6));
            }
        }
    }

    private static double[] Rounded(ReadOnlySpan<float> x, ActivationRounding rounding)
    {
        var rounded = new double[x.Length];
        var (low, high) = (0f, 0f);
        foreach (var value in x)
        {
            (low, high) = (Math.Min(low, value), Math.Max(high, value));
        }

        var rowScale = (high - low) / 255;
        var zero = rowScale > 0 ? MathF.Round(-128 - (low / rowScale)) : 0;
        for (var i = 0; i < x.Length; i++)
        {
            var most = 0f;
            foreach (var value in x.Slice(i / 32 * 32, Math.Min(32, x.Length - (i / 32 * 32))))
            {
                most = Math.Max(most, Math.Abs(value));
            }

            var scale = most / 127;
            rounded[i] = rounding == ActivationRounding.Token
                ? rowScale > 0 ? (Math.Clamp(MathF.Round((x[i] * (1 / rowScale)) + zero), -128, 127) - zero) * (double)rowScale : 0
                : scale > 0 ? MathF.Round(x[i] * (1 / scale)) * (double)(rounding == ActivationRounding.HalfBlock ? (float)(Half)scale : scale) : 0;
        }

        return rounded;
    }

    private float[] Values(Tensor tensor)
    {
        var values = new float[tensor.Length];
        _ops.Read(tensor, values);
        return values;
    }

    private sealed class OffByOne : BlockTileKernel
    {
        private readonly BlockTileKernel<Words128, Vector128<int>, Simd128, Vector128<float>> _right = new();

        public override string Name => "off by one";

        public override int Lanes => _right.Lanes;

        public override int TileRows => _right.TileRows;

        public override ActivationFormat Activations => _right.Activations;

        public override WeightForm Weights => _right.Weights;

        public override void Tile(in BlockFactors factors, byte* panel, float* scales, int blocks, float* tile, int rows, int vectors)
        {
            _right.Tile(factors, panel, scales, blocks, tile, rows, vectors);
            tile[rows - 1] *= 1.001f;
        }
    }
}
