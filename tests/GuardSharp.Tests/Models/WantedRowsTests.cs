using GuardSharp.Checkpoints;
using GuardSharp.Models;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Tests.Models;

public class WantedRowsTests
{
    [Theory]
    [InlineData("llama-tiny/tied")]
    [InlineData("llama4-tiny")]
    [InlineData("llama4-guard-tiny")]
    [InlineData("mllama-tiny")]
    public void The_last_rows_alone_are_those_of_the_whole_output(string folder)
    {
        var path = TestFiles.Golden(folder.Split('/'));
        var config = ModelConfig.Read(path);
        using var checkpoint = Checkpoint.Open(path);
        using var ops = new CpuOps(1);
        var network = GuardNetworks.Create(ops, new CheckpointWeights(checkpoint, config.NamesIn(checkpoint)), config);
        using var scope = ops.Scope();
        int[] ids = [.. Enumerable.Range(3, 40)], wanted = [11, 37, 38, 39];
        SequenceSpan[] sequences = [SequenceSpan.Self(0, 12), SequenceSpan.Self(12, 28)];
        var all = Values(network.Final(ForwardPass.Run(ops, network, network.Embed(ids), sequences), wanted));
        var picked = ForwardPass.Run(ops, network, network.Embed(ids), sequences, lastRows: [1, 3]);
        Assert.Equal(wanted.Length, picked.Rows);
        // float32 sums in another order: fewer rows run in other tiles.
        Assert.All(all.Zip(Values(network.Final(picked, [0, 1, 2, 3]))), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));

        float[] Values(Tensor tensor)
        {
            var values = new float[tensor.Length];
            ops.Read(tensor, values);
            return values;
        }
    }
}
