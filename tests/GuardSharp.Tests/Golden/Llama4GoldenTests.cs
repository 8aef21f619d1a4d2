using GuardSharp.Models.Verification;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;
using GuardSharp.Torch;

namespace GuardSharp.Tests.Golden;

/// <summary>The llama4 network against the reference's recorded tensors; each backend runs the same cases.</summary>
public abstract class Llama4GoldenTests
{
    // float32 sums in another order: hidden states of size about 2 differ by 1e-5 typically (tests/golden/README.md, "Tolerances").
    private const float Tolerance = 1e-4f;

    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (var model in new[] { "llama4-tiny", "llama4-guard-tiny" })
        {
            foreach (var file in Directory.GetFiles(TestFiles.Golden(model, "cases"), "*.safetensors").Order(StringComparer.Ordinal))
            {
                // Left padding shifts the chunks of transformers 4.57 (note L7); rows run unpadded here.
                if (model != "llama4-tiny" || !file.Contains("left_pad", StringComparison.Ordinal))
                {
                    data.Add(model, Path.Combine("cases", Path.GetFileName(file)));
                }
            }
        }

        foreach (var name in new[] { "text", "image_1x2" })
        {
            data.Add(Path.Combine("llama4-moe-tiny", "moe"), Path.Combine("..", "cases", name + ".safetensors"));
            data.Add(Path.Combine("llama4-moe-tiny", "dense"), Path.Combine("..", "cases", name + ".safetensors"));
        }

        data.Add(Path.Combine("llama4-guard-tiny", "bf16-sharded"), "expected.safetensors");
        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_recorded_tensor_is_what_the_reference_computed(string model, string file)
    {
        var folder = TestFiles.Golden(model);
        var compared = ModelVerification.Run(folder, Path.Combine(folder, file), Backend);
        Assert.NotEmpty(compared);
        Assert.All(compared, c => Assert.True(c.Within(Tolerance), $"{c.Name}: {c.Difference?.ToString() ?? "not computed"}"));
    }

    private protected abstract (ITensorOps Ops, IWeightSource Weights) Backend(IWeightSource weights);
}

public sealed class CpuLlama4GoldenTests : Llama4GoldenTests
{
    private protected override (ITensorOps Ops, IWeightSource Weights) Backend(IWeightSource weights) => (new CpuOps(2), weights);
}

public sealed class TorchLlama4GoldenTests : Llama4GoldenTests
{
    private protected override (ITensorOps Ops, IWeightSource Weights) Backend(IWeightSource weights) =>
        (new TorchOps(), new TorchWeights(weights));
}
