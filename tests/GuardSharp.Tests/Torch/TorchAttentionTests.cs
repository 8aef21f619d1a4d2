using GuardSharp.Tensors;
using GuardSharp.Torch;
using TorchSharp;

namespace GuardSharp.Tests.Torch;

public sealed class TorchAttentionTests
{
    private const int Heads = 4;
    private const int KeyHeads = 2;
    private const int HeadSize = 8;

    [Theory]
    [InlineData(AttentionMask.Causal)]
    [InlineData(AttentionMask.Chunked)]
    [InlineData(AttentionMask.Full)]
    internal void A_batch_of_sequences_gives_what_each_gives_alone_and_the_same_gradients(AttentionMask mask)
    {
        using var ops = new TorchOps { Gradients = true };
        using var scope = ops.Scope();
        int[] lengths = [20, 41, 20, 1, 60, 33, 7, 59, 2];
        var spans = new List<SequenceSpan>();
        foreach (var length in lengths)
        {
            spans.Add(SequenceSpan.Self(spans.Sum(s => s.QueryCount), length));
        }

        var plan = new AttentionPlan(spans, 0, Heads, KeyHeads, HeadSize, 0.4f, mask, 16);
        var together = Leaves(lengths.Sum());
        var batch = TorchOps.AsTorch(Attend(ops, together, plan));
        batch.square().sum().backward();
        var alone = Leaves(lengths.Sum());
        var singles = torch.cat(spans.Select(span => TorchOps.AsTorch(Attend(ops, alone, plan with { Sequences = [span] })).narrow(0, span.QueryRow, span.QueryCount)).ToArray(), 0);
        singles.square().sum().backward();

        // The same sums in float32, at most in another order.
        Assert.True(torch.allclose(batch, singles, 1e-5, 1e-6), "results differ");
        foreach (var (a, b) in together.Zip(alone))
        {
            Assert.True(torch.allclose(a.grad!, b.grad!, 1e-4, 1e-5), "gradients differ");
        }
    }

    [Fact]
    public void Rows_of_no_sequence_are_zero()
    {
        using var ops = new TorchOps();
        using var scope = ops.Scope();
        var plan = new AttentionPlan([SequenceSpan.Self(1, 2), SequenceSpan.Self(4, 1)], 0, Heads, KeyHeads, HeadSize, 1, AttentionMask.Causal);
        var result = TorchOps.AsTorch(Attend(ops, Leaves(6), plan));
        Assert.Equal([0f, 1f, 1f, 0f, 1f, 0f], result.abs().sum(1).gt(0).to(torch.ScalarType.Float32).data<float>().ToArray());
    }

    [Fact]
    public void A_cache_is_refused_while_gradients_are_recorded()
    {
        using var ops = new TorchOps { Gradients = true };
        using var scope = ops.Scope();
        using var cache = ops.CreateCache(1, KeyHeads * HeadSize, 8);
        var plan = new AttentionPlan([SequenceSpan.Self(0, 3, cache)], 0, Heads, KeyHeads, HeadSize, 1, AttentionMask.Causal);
        Assert.Throws<ArgumentException>(() => Attend(ops, Leaves(3), plan));
    }

    [Fact]
    public void Everything_made_in_a_scope_is_gone_when_it_ends()
    {
        using var ops = new TorchOps { Gradients = true };
        Run(ops); // constants are made once
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Run(ops);
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);

        static void Run(TorchOps ops)
        {
            ops.Gradients = false;
            using (var cache = ops.CreateCache(1, KeyHeads * HeadSize, 8))
            using (ops.Scope())
            {
                Attend(ops, Leaves(3), new AttentionPlan([SequenceSpan.Self(0, 3, cache)], 0, Heads, KeyHeads, HeadSize, 1, AttentionMask.Causal));
            }

            ops.Gradients = true;
            using var weights = new TorchWeights(new InitialisedWeights(1), trainable: _ => true);
            using var scope = ops.Scope();
            var leaves = Leaves(5);
            var plan = new AttentionPlan([SequenceSpan.Self(0, 3), SequenceSpan.Self(3, 2)], 0, Heads, KeyHeads, HeadSize, 1, AttentionMask.Chunked, 2);
            var x = ops.RmsNorm(ops.Linear(Attend(ops, leaves, plan), weights.Matrix("w", 6, Heads * HeadSize)), weights.Vector("norm.weight", 6), 1e-5f);
            TorchOps.AsTorch(x).sum().backward();
        }
    }

    private static torch.Tensor[] Leaves(int rows)
    {
        using var generator = new torch.Generator(5, torch.CPU);
        return
        [
            torch.randn(rows, Heads * HeadSize, generator: generator).requires_grad_(),
            torch.randn(rows, KeyHeads * HeadSize, generator: generator).requires_grad_(),
            torch.randn(rows, KeyHeads * HeadSize, generator: generator).requires_grad_(),
        ];
    }

    private static Tensor Attend(TorchOps ops, torch.Tensor[] leaves, AttentionPlan plan) =>
        ops.Attention(ops.FromTorch(leaves[0]), ops.FromTorch(leaves[1]), ops.FromTorch(leaves[2]), plan);
}
