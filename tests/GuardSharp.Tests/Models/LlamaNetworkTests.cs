using GuardSharp.Checkpoints;
using GuardSharp.Models;
using GuardSharp.Models.Llama;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Tests.Models;

public sealed class LlamaNetworkTests
{
    // Tokens as the pruned Llama Guard 3 1B has them: few, in an order of their own.
    private static readonly int[] Kept = [7, 300, 0, 511, 42];

    [Fact]
    public void A_pruned_head_gives_the_full_heads_logits_and_makes_every_other_token_impossible()
    {
        var full = Logits(TestFiles.Golden("llama-tiny", "untied"), []);
        using var folder = new TemporaryFolder();
        Prune(folder);
        var pruned = Logits(folder.Path, []);
        Assert.Equal(full.Length, pruned.Length);
        for (var i = 0; i < full.Length; i++)
        {
            Assert.Equal(Kept.Contains(i % 512) ? full[i] : -1e30f, pruned[i]);
        }

        Assert.Equal([full[511], -1e30f, full[7], full[512 + 511], -1e30f, full[512 + 7]], Logits(folder.Path, [511, 8, 7])[..6]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(99)]
    public void Decoding_with_a_cache_gives_the_logits_of_one_full_pass(int prefix)
    {
        int[] ids = [.. Enumerable.Range(0, 100).Select(i => i * 37 % 512)];
        var path = TestFiles.Golden("llama-tiny", "tied");
        using var checkpoint = Checkpoint.Open(path);
        using var ops = new CpuOps(2);
        var network = new LlamaNetwork(ops, new CheckpointWeights(checkpoint), LlamaConfig.Read(path));
        using var scope = ops.Scope();
        var whole = Run(ops, network, ids, null);
        using var cache = ops.CreateCache(network.Shape.Layers, network.Shape.KeyColumns, ids.Length);
        Run(ops, network, ids[..prefix], cache);
        var cached = Run(ops, network, ids[prefix..], cache);
        for (var i = 0; i < cached.Length; i++)
        {
            // float32 sums in another order (rows run in tiles of other sizes) on logits up to 5: 1e-5 seen.
            Assert.Equal(whole[(prefix * 512) + i], cached[i], 1e-4f);
        }
    }

    [Theory]
    [InlineData("\"model_type\": \"llama\",", "\"model_type\": \"mistral\",", "\"llama4\" (Llama Guard 4), \"llama\" (Llama Guard 3 8B and 1B) and \"mllama\"")]
    [InlineData("\"model_type\": \"llama\",", "", "\"model_type\" is missing")]
    public void An_architecture_that_is_not_supported_is_an_error_that_names_those_that_are(string from, string to, string expected)
    {
        using var folder = new TemporaryFolder();
        var config = File.ReadAllText(TestFiles.Golden("llama-tiny", "tied", "config.json"));
        File.WriteAllText(folder["config.json"], config.Replace(from, to, StringComparison.Ordinal));
        Assert.Contains(expected, Assert.Throws<CheckpointException>(() => ModelConfig.Read(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("llama-tiny/tied", "llama")]
    [InlineData("llama-tiny/untied", "llama")]
    [InlineData("llama4-guard-tiny", "llama4")]
    public void A_summary_describes_every_architecture(string folder, string architecture)
    {
        var summary = ModelSummary.Read(TestFiles.Golden(folder.Split('/')));
        Assert.Empty(summary.Problems);
        Assert.Empty(summary.Warnings);
        Assert.Equal(summary.Parameters, (long)summary.Config.Parameters());
        Assert.Equal(architecture, summary.Config.Architecture);
    }

    private static void Prune(TemporaryFolder folder)
    {
        var source = TestFiles.Golden("llama-tiny", "untied");
        File.Copy(Path.Combine(source, "config.json"), folder["config.json"]);
        new GuardManifest { Name = "pruned", Version = "1", Codes = ["S1"], OutputTokens = Kept }.Write(folder.Path);
        using var checkpoint = Checkpoint.Open(source);
        var config = LlamaConfig.Read(folder.Path);
        using var writer = SafetensorsWriter.Create(
            folder["model.safetensors"], LlamaLayout.Tensors(config).Select(tensor => new TensorPlan(tensor.Name, TensorType.F32, tensor.Shape)));
        foreach (var (name, _) in LlamaLayout.Tensors(config))
        {
            var numbers = checkpoint.Get(name).ToSingles();
            writer.Append(name, name == "lm_head.weight" ? [.. Kept.SelectMany(token => numbers.AsSpan(token * 64, 64).ToArray())] : numbers);
        }

        writer.Commit();
    }

    private static float[] Logits(string folder, int[] tokens)
    {
        using var checkpoint = Checkpoint.Open(folder);
        using var ops = new CpuOps(1);
        var network = GuardNetworks.Create(ops, new CheckpointWeights(checkpoint), ModelConfig.Read(folder));
        using var scope = ops.Scope();
        return Run(ops, network, [1, 2, 3], null, tokens);
    }

    private static float[] Run(CpuOps ops, IGuardNetwork network, int[] ids, KvCache? cache, params int[] tokens)
    {
        var hidden = ForwardPass.Run(ops, network, network.Embed(ids), [SequenceSpan.Self(0, ids.Length, cache)]);
        var logits = network.Logits(network.Final(hidden, [.. Enumerable.Range(0, ids.Length)]), tokens);
        var values = new float[logits.Length];
        ops.Read(logits, values);
        return values;
    }
}
