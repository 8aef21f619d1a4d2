using GuardSharp.Models.Verification;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;
using GuardSharp.Torch;

namespace GuardSharp.Tests.Golden;

/// <summary>The llama network against the reference's recorded tensors, greedy decoding with a cache included; each backend runs the same cases.</summary>
public abstract class LlamaGoldenTests
{
    // float32 sums in another order: hidden states of size about 2 differ by 1e-5 typically (tests/golden/README.md, "Tolerances").
    private const float Tolerance = 1e-4f;

    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (var form in new[] { "tied", "untied" })
        {
            foreach (var file in Directory.GetFiles(TestFiles.Golden("llama-tiny", form, "cases"), "*.safetensors").Order(StringComparer.Ordinal))
            {
                data.Add(form, Path.GetFileName(file));
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_recorded_tensor_is_what_the_reference_computed(string form, string file)
    {
        var compared = ModelVerification.Run(TestFiles.Golden("llama-tiny", form), TestFiles.Golden("llama-tiny", form, "cases", file), Backend);
        Assert.Contains(compared, c => c.Name == "generated_ids");
        Assert.All(compared, c => Assert.True(c.Within(Tolerance), $"{c.Name}: {c.Difference?.ToString() ?? "not computed"}"));
    }

    private protected abstract (ITensorOps Ops, IWeightSource Weights) Backend(IWeightSource weights);
}

public sealed class CpuLlamaGoldenTests : LlamaGoldenTests
{
    private protected override (ITensorOps Ops, IWeightSource Weights) Backend(IWeightSource weights) => (new CpuOps(2), weights);
}

public sealed class TorchLlamaGoldenTests : LlamaGoldenTests
{
    private protected override (ITensorOps Ops, IWeightSource Weights) Backend(IWeightSource weights) =>
        (new TorchOps(), new TorchWeights(weights));
}
