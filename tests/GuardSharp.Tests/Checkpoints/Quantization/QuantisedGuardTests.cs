using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Quantization;
using GuardSharp.Conversations;
using GuardSharp.Models.Verification;
using GuardSharp.Tensors.Cpu;
using GuardSharp.Tests.EmbeddedModel;

namespace GuardSharp.Tests.Checkpoints.Quantization;

/// <summary>Quantised folders on the CPU's integer kernels: whole networks and whole verdicts.</summary>
public sealed class QuantisedGuardTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Output => _folder["quantised"];

    public void Dispose() => _folder.Dispose();

    // The kernels round the activations too. Logits of these fixtures deviate by 2 (FolderQuantisationTests); those of unrelated networks differ by 12.
    [Theory]
    [InlineData("int8", "llama-tiny/tied", 1)]
    [InlineData("int8", "llama-tiny/untied", 1)]
    [InlineData("int8", "llama4-guard-tiny", 1)]
    [InlineData("int8", "mllama-tiny", 1)]
    [InlineData("int4", "llama-tiny/tied", 5)]
    [InlineData("int4", "llama4-guard-tiny", 5)]
    [InlineData("int4", "mllama-tiny", 5)]
    [InlineData("mixed", "llama-tiny/untied", 3)]
    [InlineData("published", "llama-tiny/tied", 5)]
    [InlineData("published", "llama4-guard-tiny", 5)]
    public void Every_case_of_a_network_stays_near_the_recorded_logits(string scheme, string model, float most)
    {
        var source = TestFiles.Golden(model.Split('/'));
        Quantise(source, QuantisationScheme.Find(scheme));
        foreach (var golden in Directory.GetFiles(Path.Combine(source, "cases"), "*.safetensors"))
        {
            var compared = ModelVerification.Run(Output, golden, weights => (new CpuOps(2), weights));
            var logits = compared.First(c => c.Name.StartsWith("logits", StringComparison.Ordinal));
            Assert.True(logits.Within(most) && logits.Difference > 1e-3, $"{Path.GetFileName(golden)}: {logits}");
        }
    }

    // On 7,403 development rows int8 moved P(unsafe) of the third version by at most 0.023, mixed by 0.106, int4 by 0.174 (docs/models.md): a broken kernel moves it anywhere.
    [Theory]
    [InlineData("int8", 0.025)]
    [InlineData("int4", 0.18)]
    [InlineData("mixed", 0.12)]
    [InlineData("published", 0.18)]
    public async Task The_embedded_model_judges_as_it_does_in_single_precision(string scheme, double most)
    {
        Quantise(GuardClassifier.DefaultModelFolder, QuantisationScheme.Find(scheme));
        await using var plain = GuardClassifier.Load();
        await using var quantised = GuardClassifier.Load(Output);
        Assert.NotEqual(plain.Capabilities.Model, quantised.Capabilities.Model);
        foreach (var (_, _, text) in SentenceList.Read())
        {
            var conversation = Conversation.OfUser(text);
            var before = await plain.ClassifyAsync(conversation, null, TestContext.Current.CancellationToken);
            var after = await quantised.ClassifyAsync(conversation, null, TestContext.Current.CancellationToken);
            Assert.InRange(Math.Abs(before.UnsafeProbability - after.UnsafeProbability), 0, most);
        }
    }

    [Fact]
    public async Task A_scale_that_is_not_a_number_makes_the_verdict_an_error()
    {
        Quantise(GuardClassifier.DefaultModelFolder, QuantisationScheme.Int8);
        long at;
        using (var checkpoint = Checkpoint.Open(Output))
        {
            var scales = checkpoint.Get(StoredBlocks.ScaleName("language_model.model.layers.1.self_attn.v_proj.weight"));
            at = scales.Data - checkpoint.Tensors.Min(tensor => tensor.Data) + ((SafetensorsFile)checkpoint.Files[0]).DataStart;
        }

        using (var file = File.OpenWrite(Path.Combine(Output, "model.safetensors")))
        {
            file.Position = at;
            file.Write([0x00, 0x7E]);
        }

        var manifest = GuardManifest.Read(Output)!;
        (manifest with { WeightsSha256 = null }).Write(Output);
        await using var guard = GuardClassifier.Load(Output);
        await Assert.ThrowsAnyAsync<GuardException>(() => guard.ClassifyAsync(Conversation.OfUser("How do I bake a cake?"), null, TestContext.Current.CancellationToken));
    }

    private void Quantise(string source, QuantisationScheme scheme) =>
        new FolderQuantisation(source, scheme).Run(Output, (_, _) => { }, TestContext.Current.CancellationToken);
}
