using GuardSharp.Models.Verification;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;
using GuardSharp.Torch;

namespace GuardSharp.Tests.Golden;

/// <summary>The mllama network against the reference's recorded tensors; each backend runs the same cases.</summary>
public abstract class MllamaGoldenTests
{
    // float32 sums in another order: hidden states of size about 2 differ by 1e-5 typically (tests/golden/README.md, "Tolerances").
    // The smallest typical mistake, GELU by tanh, shows as 2e-3 (mllama-tiny/sensitivity.json).
    private const float Tolerance = 1e-4f;

    public static TheoryData<string> Cases() =>
        [.. Directory.GetFiles(TestFiles.Golden("mllama-tiny", "cases"), "*.safetensors").Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_recorded_tensor_is_what_the_reference_computed(string file)
    {
        var folder = TestFiles.Golden("mllama-tiny");
        var compared = ModelVerification.Run(folder, Path.Combine(folder, "cases", file), Backend);
        Assert.Contains(compared, c => c.Name == "logits");
        if (file != "text_only.safetensors")
        {
            Assert.Contains(compared, c => c.Name == "logits_meta_row_mask");
        }

        Assert.All(compared, c => Assert.True(c.Within(Tolerance), $"{c.Name}: {c.Difference?.ToString() ?? "not computed"}"));
    }

    private protected abstract (ITensorOps Ops, IWeightSource Weights) Backend(IWeightSource weights);
}

public sealed class CpuMllamaGoldenTests : MllamaGoldenTests
{
    private protected override (ITensorOps Ops, IWeightSource Weights) Backend(IWeightSource weights) => (new CpuOps(2), weights);
}

public sealed class TorchMllamaGoldenTests : MllamaGoldenTests
{
    private protected override (ITensorOps Ops, IWeightSource Weights) Backend(IWeightSource weights) =>
        (new TorchOps(), new TorchWeights(weights));
}
