using System.IO.MemoryMappedFiles;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Tests.Tensors.Cpu;

/// <summary>What the processor backend does with memory, threads and its cache.</summary>
public sealed class CpuMemoryTests : IDisposable
{
    private readonly TestNumbers numbers = new();

    public void Dispose() => numbers.Dispose();

    [Fact]
    public void After_the_outermost_scope_no_block_is_alive_and_memory_stays_flat()
    {
        using var ops = new CpuOps(2);
        var layer = new TestLayer(ops, numbers);
        long reserved = 0;
        for (var pass = 0; pass < 50; pass++)
        {
            using (ops.Scope())
            {
                layer.Run(40);
                Assert.NotEqual(0, ops.LiveBlocks);
            }

            Assert.Equal(0, ops.LiveBlocks);
            reserved = pass == 0 ? ops.ReservedBytes : reserved;
        }

        Assert.Equal(reserved, ops.ReservedBytes);
    }

    [Theory]
    [InlineData(1, 3)]
    [InlineData(1, 40)]
    [InlineData(2, 40)]
    public void In_steady_state_nothing_managed_is_allocated(int threads, int rows)
    {
        using var ops = new CpuOps(threads);
        var layer = new TestLayer(ops, numbers);
        Pass();
        // A collection that other tests cause counts what was left of this thread's 8 KB quantum as allocated: what allocates does so in every round.
        Assert.Contains(0, Enumerable.Range(0, 5).Select(_ => Allocated()).ToArray());

        long Allocated()
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var pass = 0; pass < 10; pass++) Pass();
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        void Pass()
        {
            using var scope = ops.Scope();
            layer.Run(rows);
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(80)]
    public void The_number_of_threads_does_not_change_a_single_bit(int rows)
    {
        float[] One(int threads)
        {
            using var ops = new CpuOps(threads);
            using var same = new TestNumbers(7);
            using var scope = ops.Scope();
            var result = new TestLayer(ops, same).Run(rows);
            var values = new float[result.Length];
            ops.Read(result, values);
            return values;
        }

        Assert.Equal(One(1), One(2));
        Assert.Equal(One(1), One(5));
    }

    [Fact]
    public void Scopes_end_in_reverse_order()
    {
        using var ops = new CpuOps(1);
        var outer = ops.Scope();
        var inner = ops.Scope();
        Assert.Throws<InvalidOperationException>(outer.Dispose);
        inner.Dispose();
        outer.Dispose();
    }

    [Fact]
    public void A_tensor_outside_any_scope_lives_until_the_end()
    {
        using var ops = new CpuOps(1);
        var root = ops.Upload([1, 2, 3, 4], 2, 2);
        using (ops.Scope())
        {
            ops.Upload([5, 6, 7, 8], 2, 2);
        }

        var values = new float[4];
        ops.Read(root, values);
        Assert.Equal([1, 2, 3, 4], values);
        Assert.Equal(1, ops.LiveBlocks);
    }

    [Fact]
    public void A_cache_that_others_continue_cannot_be_appended_to()
    {
        using var ops = new CpuOps(1);
        using var scope = ops.Scope();
        using var parent = ops.CreateCache(1, 4, 8);
        using var child = ops.CreateCache(1, 4, 8, parent);
        var x = ops.Upload(numbers.Numbers(4), 1, 4);
        Assert.Throws<InvalidOperationException>(() => ops.Attention(x, x, x, new AttentionPlan([SequenceSpan.Self(0, 1, parent)], 0, 1, 1, 4, 1, AttentionMask.Causal)));
        ops.Attention(x, x, x, new AttentionPlan([SequenceSpan.Self(0, 1, child)], 0, 1, 1, 4, 1, AttentionMask.Causal));
    }

    [Fact]
    public unsafe void Weights_beyond_two_gigabytes_are_read_at_the_right_place()
    {
        // Sparse: the file system stores only the pages that are written.
        const int columns = 4096, rows = 300_000;
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        using var stream = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
        stream.SetLength((long)rows * columns * sizeof(ushort));
        using var file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, true);
        using var view = file.CreateViewAccessor();
        byte* data = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref data);
        for (var column = 0; column < columns; column++) ((ushort*)data)[((rows - 2L) * columns) + column] = 0x3F80; // 1 in bfloat16
        using var ops = new CpuOps(2);
        using var scope = ops.Scope();
        var table = new StoredWeight("large", rows, columns, WeightType.BF16, (nint)data);
        var x = ops.Embed([rows - 2, rows - 1, 0], table);
        Assert.Equal([columns, 0, 0], Values(ops.LinearRows(x, table, [rows - 2])));
        view.SafeMemoryMappedViewHandle.ReleasePointer();

        float[] Values(Tensor tensor)
        {
            var values = new float[tensor.Length];
            ops.Read(tensor, values);
            return values;
        }
    }
}
