using GuardSharp.Checkpoints;

namespace GuardSharp.Tests.Checkpoints;

public sealed class SafetensorsWriterTests
{
    [Fact]
    public void What_was_written_is_read_back_whatever_the_order_and_the_blocks()
    {
        using var folder = new TemporaryFolder();
        var path = folder["x.safetensors"];
        var random = new Random(1);
        TensorPlan[] plans = [new("odd", TensorType.U8, [3]), new("half", TensorType.BF16, [5, 7]), new("single", TensorType.F32, [4, 9]), new("empty", TensorType.F32, [0])];
        var values = plans.ToDictionary(plan => plan.Name, plan =>
        {
            var bytes = new byte[plan.Shape.Aggregate(1L, (a, b) => a * b) * plan.Type.Size()];
            random.NextBytes(bytes);
            return bytes;
        });
        using (var writer = SafetensorsWriter.Create(path, plans, new Dictionary<string, string> { ["format"] = "pt", ["note"] = "ä" }))
        {
            foreach (var (name, bytes) in values)
            {
                for (var i = 0; i < bytes.Length; i += 11)
                {
                    writer.Append(name, bytes.AsSpan(i, Math.Min(11, bytes.Length - i)));
                }
            }

            writer.Commit();
        }

        using var file = SafetensorsFile.Open(path);
        Assert.Equal("ä", file.Metadata["note"]);
        Assert.Equal(plans.Select(plan => plan.Name).Order(), file.Tensors.Select(tensor => tensor.Name).Order());
        foreach (var plan in plans)
        {
            var tensor = file.Get(plan.Name);
            Assert.Equal(plan.Shape, tensor.Shape);
            Assert.Equal(plan.Type, tensor.Type);
            Assert.Equal(values[plan.Name], Bytes(tensor));
        }

        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void A_published_checkpoint_survives_a_round_trip()
    {
        using var folder = new TemporaryFolder();
        using var source = Checkpoint.Open(TestFiles.Golden("llama4-guard-tiny", "bf16-sharded"));
        using (var writer = SafetensorsWriter.Create(
            folder["model.safetensors"], source.Tensors.Select(tensor => new TensorPlan(tensor.Name, tensor.Type, tensor.Shape))))
        {
            foreach (var tensor in source.Tensors)
            {
                writer.Append(tensor.Name, Bytes(tensor));
            }

            writer.Commit();
        }

        using var copy = Checkpoint.Open(folder.Path);
        Assert.Equal(source.Names.Order(), copy.Names.Order());
        Assert.All(source.Tensors, tensor => Assert.Equal(Bytes(tensor), Bytes(copy.Get(tensor.Name))));
    }

    [Fact]
    public void A_tensor_of_more_than_two_gibibytes_is_written_and_read_in_place()
    {
        using var folder = new TemporaryFolder();
        const long Rows = 300_000;
        const long Columns = 4096;
        // The file is sparse where the file system can do that; elsewhere it takes its full length.
        const long Bytes = Rows * Columns * 2;
        var free = new DriveInfo(folder.Path).AvailableFreeSpace;
        Assert.SkipUnless(free > Bytes + (1L << 30), $"needs {Bytes + (1L << 30)} bytes of disk; {free} are free");
        using (var writer = SafetensorsWriter.Create(folder["model.safetensors"], [new TensorPlan("w", TensorType.BF16, [Rows, Columns])]))
        {
            writer.AppendZeros("w", Bytes - 4);
            writer.Append("w", [0x80, 0x3f, 0x00, 0x40]);
            writer.Commit();
        }

        using var checkpoint = Checkpoint.Open(folder.Path);
        var tensor = checkpoint.Get("w");
        Assert.True(tensor.Bytes > int.MaxValue);
        Assert.Equal(1f, Last(tensor, 2));
        Assert.Equal(2f, Last(tensor, 1));
        Assert.True(checkpoint.Digest.IsSample);
    }

    [Fact]
    public void Without_commit_nothing_remains_and_the_old_file_stays()
    {
        using var folder = new TemporaryFolder();
        folder.Write("x.safetensors", "old");
        using (var writer = SafetensorsWriter.Create(folder["x.safetensors"], [new TensorPlan("a", TensorType.F32, [2])]))
        {
            writer.Append("a", [1f]);
            var error = Assert.Throws<CheckpointException>(writer.Commit);
            Assert.Contains("tensor \"a\" has 4 of its 8 bytes", error.Message, StringComparison.Ordinal);
        }

        Assert.Equal("old", File.ReadAllText(folder["x.safetensors"]));
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void More_bytes_than_planned_and_unknown_tensors_are_errors()
    {
        using var folder = new TemporaryFolder();
        using var writer = SafetensorsWriter.Create(folder["x.safetensors"], [new TensorPlan("a", TensorType.F32, [1])]);
        Assert.Throws<CheckpointException>(() => writer.Append("a", [1f, 2f]));
        Assert.Throws<CheckpointException>(() => writer.Append("b", [1f]));
    }

    [Fact]
    public void A_plan_that_no_file_can_hold_is_an_error_and_leaves_nothing()
    {
        using var folder = new TemporaryFolder();
        TensorPlan[][] plans =
        [
            [new("a", TensorType.F32, [1]), new("a", TensorType.F32, [1])],
            [new("a", TensorType.F32, [-1])],
            [new("a", TensorType.F32, [long.MaxValue, long.MaxValue])],
            [new("__metadata__", TensorType.F32, [1])],
        ];
        Assert.All(plans, plan => Assert.Throws<CheckpointException>(() => SafetensorsWriter.Create(folder["x.safetensors"], plan)));
        Assert.Empty(Directory.GetFiles(folder.Path));
        Assert.Throws<CheckpointException>(() => SafetensorsWriter.Create(folder["none/x.safetensors"], plans[0]));
    }

    private static unsafe byte[] Bytes(TensorEntry tensor) => new ReadOnlySpan<byte>((void*)tensor.Data, (int)tensor.Bytes).ToArray();

    private static unsafe float Last(TensorEntry tensor, int fromEnd) =>
        BitConverter.Int32BitsToSingle(((ushort*)tensor.Data)[tensor.Count - fromEnd] << 16);
}
