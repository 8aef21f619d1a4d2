using GuardSharp.Lab.FineTuning.Network;
using GuardSharp.Lab.FineTuning.Rows;
using TorchSharp;

namespace GuardSharp.Tests.FineTuning;

/// <summary>The gradients of a whole step: against finite differences, and however the step is cut.</summary>
public sealed class StepGradientTests
{
    // float32 sums in another order, relative to the largest entry of a parameter's gradient.
    private const double Tolerance = 1e-4;

    private static SmallRun Make(string family) => family switch
    {
        "llama" => SmallRun.Llama().WithRows(),
        "mllama" => SmallRun.Mllama().WithRows(images: 1),
        "llama4-moe" => SmallRun.Llama4("llama4-moe-tiny/moe").WithRows(),
        _ => SmallRun.Llama4().WithRows(images: 2),
    };

    [Theory]
    [InlineData("llama", "model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight", "model.norm.weight")]
    [InlineData("mllama", "language_model.model.layers.1.cross_attn.k_proj.weight", "vision_model.patch_embedding.weight", "language_model.model.layers.3.cross_attn_attn_gate")]
    [InlineData("llama4", "language_model.model.layers.0.self_attn.k_proj.weight", "vision_model.patch_embedding.linear.weight", "multi_modal_projector.linear_1.weight")]
    public void The_gradient_of_the_whole_loss_is_what_finite_differences_say(string family, params string[] names)
    {
        using var run = Make(family);
        using var opened = run.Open();
        SftPack[] packs = [.. PackPlanner.Pack(opened.Examples().Take(3), 4000, null)];
        var (loss, gradients) = opened.Backward(packs, recompute: true);
        Assert.True(loss > 1, "a random model is surprised by every answer");
        foreach (var name in names)
        {
            // Along the gradient itself, so that its length is the slope: far above what float32 rounds away.
            var direction = gradients[name];
            var length = Math.Sqrt(direction.Sum(x => (double)x * x));
            Assert.True(length > 1e-4, $"{name} has no gradient to speak of: {length}");
            var step = Math.Min(0.05, 0.02 / length);
            var slope = (Moved(step) - Moved(-step)) / (2 * step);
            // A part in fifty: rounding of float32 losses, and the third derivative.
            Assert.Equal(length, slope, length / 50);

            double Moved(double distance)
            {
                using var frozen = torch.no_grad();
                using var scope = torch.NewDisposeScope();
                var parameter = opened.Network.Weights.Parameters[name];
                var before = parameter.clone();
                parameter.add_(torch.tensor(direction, parameter.shape) * (distance / length));
                var moved = Loss(opened, packs);
                parameter.copy_(before);
                return moved;
            }
        }
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("mllama")]
    [InlineData("llama4")]
    [InlineData("llama4-moe")]
    public void Recomputed_activations_give_the_same_gradients(string family)
    {
        using var run = Make(family);
        using var opened = run.Open();
        SftPack[] packs = [.. PackPlanner.Pack(opened.Examples().Take(4), 4000, null)];

        var kept = opened.Backward(packs, recompute: false);
        var again = opened.Backward(packs, recompute: true);

        Assert.Equal(kept.Loss, again.Loss, 1e-6);
        AssertSame(kept.Gradients, again.Gradients, Tolerance);
        // Every weight learns; those of the vision encoder where there are pictures.
        var silent = opened.Network.Trainable.Select(entry => entry.Name).Except(again.Gradients.Keys);
        Assert.All(silent, name => Assert.True(family == "llama4-moe" && (name.StartsWith("vision_model.", StringComparison.Ordinal) || name.StartsWith("multi_modal_projector.", StringComparison.Ordinal)), name));
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("mllama")]
    [InlineData("llama4")]
    public void A_packed_sequence_gives_the_gradients_of_its_examples_one_by_one(string family)
    {
        using var run = Make(family);
        using var opened = run.Open();
        var examples = opened.Examples();

        var packed = opened.Backward([new SftPack(examples)], recompute: true);
        var single = opened.Backward([.. examples.Select(example => new SftPack([example]))], recompute: true);

        Assert.Equal(single.Loss, packed.Loss, 1e-5);
        AssertSame(single.Gradients, packed.Gradients, Tolerance);
    }

    [Fact]
    public void Accumulated_sequences_give_the_gradients_of_one_large_one()
    {
        using var run = SmallRun.Llama().WithRows();
        using var opened = run.Open();
        var examples = opened.Examples();
        SftPack[] parts = [new(examples[..3]), new(examples[3..4]), new(examples[4..])];

        var whole = opened.Backward([new SftPack(examples)], recompute: true);
        var accumulated = opened.Backward(parts, recompute: true);

        Assert.Equal(whole.Loss, accumulated.Loss, 1e-5);
        AssertSame(whole.Gradients, accumulated.Gradients, Tolerance);
    }

    [Fact]
    public void A_frozen_vision_tower_keeps_its_weights_and_changes_no_gradient_of_the_rest()
    {
        using var run = SmallRun.Mllama().WithRows(images: 1);
        Dictionary<string, float[]> all;
        SftPack[] packs;
        using (var opened = run.Open())
        {
            packs = [new SftPack(opened.Examples()[..3])];
            all = opened.Backward(packs, recompute: true).Gradients;
        }

        using var frozen = run.Open(["vision_model.*", "multi_modal_projector.*"]);
        Assert.False(frozen.Network.LearnsPictures);
        foreach (var recompute in (bool[])[true, false])
        {
            var gradients = frozen.Backward(packs, recompute).Gradients;
            Assert.DoesNotContain(gradients.Keys, name => name.StartsWith("vision_model.", StringComparison.Ordinal));
            AssertSame(all.Where(entry => gradients.ContainsKey(entry.Key)).ToDictionary(), gradients, Tolerance);
        }
    }

    private static double Loss(SmallRun.Opened opened, SftPack[] packs)
    {
        var pass = new PackPass(opened.Network, opened.Model, recompute: true);
        var answers = packs.Sum(pack => pack.Answers);
        return packs.Sum(pack =>
        {
            using var scope = torch.NewDisposeScope();
            return AnswerLoss.Of(pass.Judge(pack).to(torch.ScalarType.Float64), pack, answers).item<double>();
        });
    }

    internal static void AssertSame(Dictionary<string, float[]> expected, Dictionary<string, float[]> seen, double tolerance)
    {
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), seen.Keys.Order(StringComparer.Ordinal));
        var largest = expected.Values.Max(values => values.Max(Math.Abs));
        foreach (var (name, values) in expected)
        {
            // Gradients that are all next to zero are measured by the largest of all.
            var unit = Math.Max(values.Max(Math.Abs), 1e-3f * largest);
            Assert.True(values.Zip(seen[name]).Max(pair => Math.Abs(pair.First - pair.Second)) <= tolerance * unit, name);
        }
    }
}
