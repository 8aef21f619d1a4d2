using GuardSharp.Checkpoints;

namespace GuardSharp.Tests.Approval;

/// <summary>Every tensor of the published sizes, without their weights, as approved in files beside this one.</summary>
public sealed class PublishedTensorTests
{
    // tests/golden/README.md, "REAL MODEL DIMENSIONS".
    [Theory]
    [InlineData("guard-4-12b", 12_001_097_216)]
    [InlineData("guard-3-11b-vision", 10_670_220_835)]
    [InlineData("guard-3-8b", 8_030_261_248)]
    [InlineData("guard-3-1b", 1_235_814_400)]
    public void A_published_size_has_its_tensors_and_parameters(string name, long parameters)
    {
        var config = PublishedModel.Find(name).Config();
        Assert.Equal(parameters, (long)config.Parameters());
        Assert.Empty(config.UnknownKeys);

        var file = Path.Combine(TestFiles.Root, "tests", "GuardSharp.Tests", "Approval", "tensors", name + ".txt");
        var actual = string.Concat(config.Tensors().Select(tensor => $"{tensor.Name} {Printable.Shape(tensor.Shape)}\n").Order(StringComparer.Ordinal));
        if (Environment.GetEnvironmentVariable("GUARDSHARP_APPROVE") == "1")
        {
            File.WriteAllText(file, actual);
        }

        Assert.True(File.ReadAllText(file).ReplaceLineEndings("\n") == actual, $"The tensors of {name} changed. If that is meant, run the test once with GUARDSHARP_APPROVE=1 and commit {file}.");
    }

    [Fact]
    public void Every_published_size_is_approved() =>
        Assert.Equal(["guard-4-12b", "guard-3-11b-vision", "guard-3-8b", "guard-3-1b"], PublishedModel.All.Select(model => model.Name));
}
