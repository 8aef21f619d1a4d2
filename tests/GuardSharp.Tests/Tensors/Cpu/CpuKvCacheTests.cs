using System.Runtime.Intrinsics;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Tests.Tensors.Cpu;

/// <summary>Keys and values in every type and with every vector width: attention reads what was rounded, however a prompt was cut.</summary>
public sealed class CpuKvCacheTests : IDisposable
{
    // As in the contract: weighted means of numbers below 1, scores below 6. The rounding itself is part of what is expected.
    private const double Tolerance = 3e-6;

    private readonly TestNumbers numbers = new();

    // Of an int8 head, value * (127 / highest) may round the other way than in double precision where it lies within 1e-5 of the middle of two steps; seeds are fixed, and with these none does.
    public static TheoryData<KeyValueType, int> TypesAndWidths()
    {
        var data = new TheoryData<KeyValueType, int>();
        foreach (var type in Enum.GetValues<KeyValueType>())
        {
            foreach (var lanes in (int[])[0, 4, 8, 16]) data.Add(type, lanes);
        }

        return data;
    }

    public void Dispose() => numbers.Dispose();

    [Theory]
    [MemberData(nameof(TypesAndWidths))]
    public void Attention_in_pieces_over_a_chain_reads_the_same_rounded_keys_as_one_pass(KeyValueType type, int lanes)
    {
        const int headSize = 20, width = 4 * headSize, keyWidth = 2 * headSize, rows = 190;
        using var ops = new CpuOps(2, Width(lanes), type);
        float[] q = numbers.Numbers(rows * width), k = numbers.Numbers(rows * keyWidth), v = numbers.Numbers(rows * keyWidth);
        float[] keptKeys = Kept(k, headSize, type), keptValues = Kept(v, headSize, type);
        foreach (var mask in (AttentionMask[])[AttentionMask.Causal, AttentionMask.Chunked])
        {
            var plan = new AttentionPlan([], 1, 4, 2, headSize, 0.3f, mask, 50);
            var expected = TensorReference.Attention(q, keptKeys, keptValues, plan, 0);
            using var whole = ops.CreateCache(3, keyWidth, rows, heads: 2);
            Expect(expected, Read(whole, 0, rows));

            using var policy = ops.CreateCache(3, keyWidth, 120, heads: 2);
            var seen = Read(policy, 0, 100).Concat(Read(policy, 100, 1)).ToArray();
            // The next one stands on a part of it.
            using var conversation = ops.CreateCache(3, keyWidth, 90, policy, 97, heads: 2);
            seen = [.. seen[..(97 * width)], .. Read(conversation, 97, 33), .. Read(conversation, 130, 1), .. Read(conversation, 131, 40)];
            using var copy = conversation.CopyOf(conversation.OwnLength);
            using var answer = ops.CreateCache(3, keyWidth, 20, copy, heads: 2);
            Expect(expected, [.. seen, .. Read(answer, 171, 19)]);

            float[] Read(KvCache cache, int position, int count)
            {
                using var scope = ops.Scope();
                Assert.Equal(position, cache.Length);
                var own = plan with { Sequences = [SequenceSpan.Self(0, count, cache)] };
                var result = Values(ops, ops.Attention(Rows(q, width), Rows(k, keyWidth), Rows(v, keyWidth), own));
                cache.Advance(count);
                return result;
                Tensor Rows(float[] values, int columns) => ops.Upload(values.AsSpan(position * columns, count * columns), count, columns);
            }
        }
    }

    [Theory]
    [MemberData(nameof(TypesAndWidths))]
    public void Pictures_are_read_as_they_were_rounded(KeyValueType type, int lanes)
    {
        // 300 queries, 8 query heads on one key head: many panels that share widened blocks, the last not full.
        const int headSize = 16, width = 8 * headSize, rows = 130, queries = 45;
        using var ops = new CpuOps(1, Width(lanes), type);
        using var scope = ops.Scope();
        float[] q = numbers.Numbers(queries * width), k = numbers.Numbers(rows * headSize), v = numbers.Numbers(rows * headSize);
        using var cache = ops.CreateCache(2, headSize, rows);
        var plan = new AttentionPlan([new SequenceSpan(0, 0, 0, rows, 0, cache)], 1, 8, 1, headSize, 0.5f, AttentionMask.Full);
        ops.Attention(ops.Upload([], 0, width), ops.Upload(k, rows, headSize), ops.Upload(v, rows, headSize), plan);
        cache.Advance(rows);
        var none = ops.Upload([], 0, headSize);
        var result = ops.Attention(
            ops.Upload(q, queries, width), none, none, plan with { Sequences = [new SequenceSpan(0, queries, 0, 0, 0, cache, new CacheWindow(7, 110))] });
        float[] Seen(float[] values) => Kept(values, headSize, type)[(7 * headSize)..(117 * headSize)];
        Expect(TensorReference.Attention(q, Seen(k), Seen(v), plan, 0), Values(ops, result));
    }

    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public unsafe void Half_precision_is_the_nearest_as_the_framework_has_it(int lanes)
    {
        float[] special = [0, -0f, 1, 65504, -65504, 65519, 65520, 1e30f, -1e30f, 6e-8f, 2.9e-8f, 3e-8f, -6.1e-5f, 6.1035156e-5f, 6.1e-5f, 1e-40f, 2049, 2051, 1.00048828125f];
        // Every exponent that halves have, and those around.
        float[] all = [.. special, .. Enumerable.Range(-30, 50).SelectMany(exponent => numbers.Numbers(20, MathF.Pow(2, exponent)))];
        var halves = new ushort[all.Length + 16];
        var back = new float[all.Length + 16];
        fixed (float* x = all, wide = back)
        fixed (ushort* y = halves)
        {
            var kernels = Width(lanes)!;
            Assert.True(kernels.NarrowToHalf(x, y, all.Length));
            kernels.Widen(new KeptRows((byte*)y, KeyValueType.F16, all.Length), 0, 1, all.Length, wide);
        }

        for (var i = 0; i < all.Length; i++)
        {
            var expected = (Half)Math.Clamp(all[i], -65504, 65504);
            Assert.Equal(BitConverter.HalfToUInt16Bits(expected), halves[i]);
            Assert.Equal((float)expected, back[i]);
        }
    }

    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public unsafe void Bytes_are_within_half_a_step_of_what_they_stand_for(int lanes)
    {
        foreach (var length in (int[])[1, 6, 16, 37, 128])
        {
            foreach (var size in (float[])[0, 1e-38f, 1e-20f, 1, 1000, 1e30f])
            {
                var (x, y, back) = (numbers.Numbers(length, size), new sbyte[length + 16], new float[length + 16]);
                var kernels = Width(lanes)!;
                float scale;
                fixed (float* from = x, to = back)
                fixed (sbyte* bytes = y)
                {
                    scale = kernels.NarrowToInt8(from, bytes, length);
                    kernels.Widen(new KeptRows((byte*)bytes, KeyValueType.Int8, length, &scale, 1), 0, 1, length, to);
                }

                Assert.Equal(x.Max(Math.Abs) / 127, scale);
                // Half a step, and the rounding of the product with 127 / highest.
                for (var i = 0; i < length; i++) Assert.Equal(x[i], back[i], Math.Max(scale * 0.50001, 1e-35));
            }
        }
    }

    [Fact]
    public void A_cache_counts_the_bytes_it_holds()
    {
        long Bytes(KeyValueType type)
        {
            using var ops = new CpuOps(1, keyValues: type);
            using var cache = ops.CreateCache(48, 1024, 100, heads: 8);
            using var copy = cache.CopyOf(0);
            // 64 bytes behind the last number may be read with it.
            return cache.Bytes - copy.Bytes;
        }

        Assert.Equal(100 * 393_216, Bytes(KeyValueType.F32));
        Assert.Equal(100 * 196_608, Bytes(KeyValueType.F16));
        Assert.Equal(100 * 101_376, Bytes(KeyValueType.Int8));
    }

    [Theory]
    [InlineData(KeyValueType.F16, float.NaN)]
    [InlineData(KeyValueType.F16, float.NegativeInfinity)]
    [InlineData(KeyValueType.Int8, float.NaN)]
    [InlineData(KeyValueType.Int8, float.PositiveInfinity)]
    public void Keys_that_are_no_numbers_are_an_error_where_rounding_would_hide_them(KeyValueType type, float broken)
    {
        using var ops = new CpuOps(1, keyValues: type);
        using var scope = ops.Scope();
        for (var place = 0; place < 24; place++)
        {
            var values = numbers.Numbers(24);
            values[place] = broken;
            Tensor bad = ops.Upload(values, 1, 24), good = ops.Upload(numbers.Numbers(24), 1, 24);
            using var cache = ops.CreateCache(2, 24, 2, heads: 1);
            var plan = new AttentionPlan([SequenceSpan.Self(0, 1, cache)], 1, 1, 1, 24, 1, AttentionMask.Causal);
            Assert.Contains("Layer 1 computed keys", Assert.Throws<GuardException>(() => ops.Attention(good, bad, good, plan)).Message, StringComparison.Ordinal);
            Assert.Contains("Layer 1 computed values", Assert.Throws<GuardException>(() => ops.Attention(good, good, bad, plan)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_cache_stands_on_one_of_its_own_type_only()
    {
        using CpuOps single = new(1), half = new(1, keyValues: KeyValueType.F16);
        using var parent = single.CreateCache(1, 8, 4);
        Assert.Throws<ArgumentException>(() => half.CreateCache(1, 8, 4, parent));
        Assert.Throws<ArgumentException>(() => single.CreateCache(1, 8, 4, heads: 3));
    }

    /// <summary>Numbers as a cache keeps them.</summary>
    private static float[] Kept(float[] values, int headSize, KeyValueType type) => type switch
    {
        KeyValueType.F16 => Array.ConvertAll(values, value => (float)(Half)value),
        KeyValueType.Int8 => [.. values.Chunk(headSize).SelectMany(head =>
        {
            var scale = head.Max(Math.Abs) / 127;
            return head.Select(value => (float)Math.Round((double)value / scale) * scale);
        })],
        _ => values,
    };

    private static Kernels? Width(int lanes) => lanes switch
    {
        4 => new Kernels<Simd128, Vector128<float>>(),
        8 => new Kernels<Simd256, Vector256<float>>(),
        16 => new Kernels<Simd512, Vector512<float>>(),
        _ => null,
    };

    private static float[] Values(CpuOps ops, Tensor tensor)
    {
        var values = new float[tensor.Length];
        ops.Read(tensor, values);
        return values;
    }

    private static void Expect(double[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < actual.Length; i++) Assert.True(Math.Abs(expected[i] - actual[i]) <= Tolerance, $"{i}: {actual[i]} in place of {expected[i]}");
    }
}
