using GuardSharp.Checkpoints;
using GuardSharp.Conversations;
using GuardSharp.Engine;
using GuardSharp.Models;
using GuardSharp.Models.Llama;
using GuardSharp.Models.Verification;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;
using GuardSharp.Tests.Cli;

namespace GuardSharp.Tests.Engine;

/// <summary>What keeping keys and values in fewer bits does to logits and to memory.</summary>
public class KeyValueTypeTests
{
    // Half precision rounds keys and values by 1 in 4,096 at most. The fixtures' random weights make sharp attention and logits up to 10: 1e-2 seen (docs/models.md).
    private const float HalfTolerance = 2e-2f;

    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        // Not those with experts: a router's near tie may fall the other way.
        foreach (var golden in (string[])["llama-tiny/tied", "llama-tiny/untied", "llama4-guard-tiny", "mllama-tiny"])
        {
            foreach (var file in Directory.GetFiles(TestFiles.Golden([.. golden.Split('/'), "cases"]), "*.safetensors").Where(HasDecoding).Order(StringComparer.Ordinal))
            {
                data.Add(golden, Path.GetFileName(file));
            }
        }

        return data;
    }

    private static bool HasDecoding(string path) => GoldenCase.ReadAll(path).Any(golden => golden.Expected.Any(tensor => tensor.Name == "generated_ids"));

    [Theory]
    [MemberData(nameof(Cases))]
    public void Half_precision_gives_the_answers_of_the_reference(string golden, string file)
    {
        var folder = TestFiles.Golden(golden.Split('/'));
        var compared = ModelVerification.Run(folder, Path.Combine(folder, "cases", file), weights => (new CpuOps(1, keyValues: KeyValueType.F16), weights));
        Assert.True(compared.Single(c => c.Name == "generated_ids").Within(0));
        var logits = compared.Single(c => c.Name == "generated_logits");
        Assert.True(logits.Within(HalfTolerance), $"{logits.Difference}");
        // It is rounded: nothing else makes a difference of this size.
        Assert.False(logits.Within(1e-4f));
    }

    [Theory]
    // Twice what was seen. A step of int8 is 32 times the coarsest of half precision.
    [InlineData("llama-tiny/tied", KeyValueType.F16, 0.02f)]
    [InlineData("llama-tiny/tied", KeyValueType.Int8, 0.6f)]
    [InlineData("llama4-guard-tiny", KeyValueType.F16, 0.005f)]
    [InlineData("llama4-guard-tiny", KeyValueType.Int8, 0.08f)]
    [InlineData("mllama-tiny", KeyValueType.F16, 0.006f)]
    [InlineData("mllama-tiny", KeyValueType.Int8, 0.16f)]
    public async Task Logits_move_little_where_keys_and_values_are_rounded(string golden, KeyValueType type, float tolerance)
    {
        using var model = EngineModel.Open(golden);
        var options = new EngineOptions { MaxBatchTokens = 64 };
        var (single, _) = model.Start(options);
        using var exact = single;
        var (other, _) = model.Start(options, type);
        using var rounded = other;
        var mix = new RequestMix(model, 3, pictures: golden.StartsWith("mllama", StringComparison.Ordinal));
        var largest = 0f;
        for (var n = 0; n < 25; n++)
        {
            var prompt = mix.Next().Prompt;
            using var expected = await exact.ReadAsync(prompt, TestContext.Current.CancellationToken, []);
            using var seen = await rounded.ReadAsync(prompt, TestContext.Current.CancellationToken, []);
            largest = Math.Max(largest, expected.FirstLogits!.Zip(seen.FirstLogits!, (a, b) => Math.Abs(a - b)).Max());
        }

        Assert.True(largest > 0 && largest <= tolerance, $"{largest}");
    }

    [Theory]
    [InlineData(KeyValueType.F32)]
    [InlineData(KeyValueType.F16)]
    [InlineData(KeyValueType.Int8)]
    public void A_pass_takes_memory_for_its_rows_and_one_layer_alone(KeyValueType type)
    {
        var path = TestFiles.Golden("llama-tiny", "tied");
        using var checkpoint = Checkpoint.Open(path);
        var config = LlamaConfig.Read(path);
        // Neither the length of what was read before nor the number of layers costs anything beside the cache.
        Assert.Equal(Reserved(config.Layers, 64), Reserved(config.Layers, 1024));
        Assert.Equal(Reserved(config.Layers - 1, 256), Reserved(config.Layers, 256));

        long Reserved(int layers, int tokens)
        {
            using var ops = new CpuOps(1, keyValues: type);
            var network = new LlamaNetwork(ops, new CheckpointWeights(checkpoint), config with { Layers = layers });
            using var cache = ops.CreateCache(layers, network.Shape.KeyColumns, tokens, heads: network.Shape.KeyHeads);
            var ids = Enumerable.Range(0, 64).ToArray();
            while (cache.Length < tokens)
            {
                using var scope = ops.Scope();
                ForwardPass.Run(ops, network, network.Embed(ids), [SequenceSpan.Self(0, ids.Length, cache)]);
            }

            return ops.ReservedBytes;
        }
    }

    [Fact]
    public void Models_whose_context_is_large_keep_half_precision_unless_asked()
    {
        string[] small = [.. PublishedModel.All.Where(model => LoadedModel.KeyValuesFor(model.Config(), 8192) == KeyValueType.F32).Select(model => model.Name)];
        Assert.Equal(["guard-3-1b"], small);
        Assert.Equal(KeyValueType.F32, LoadedModel.KeyValuesFor(PublishedModel.Find("guard-4-12b").Config(), 2048));
        Assert.Equal(KeyValueType.F16, LoadedModel.KeyValuesFor(PublishedModel.Find("guard-3-1b").Config(), 131_072));
    }

    [Fact]
    public async Task The_option_is_the_engines_and_a_wrong_one_is_refused()
    {
        (await CommandLineRun.OfAsync("classify", "--kv", "f8", "Hello")).IsRefused("--kv is \"f8\"; it must be one of f32, f16, int8.");
        await using var half = GuardClassifier.Load(options: new GuardOptions { KeyValues = KeyValueType.F16, ConversationCacheBytes = 0 });
        await using var single = GuardClassifier.Load(options: new GuardOptions { ConversationCacheBytes = 0 });
        await half.ClassifyAsync(Conversation.OfUser("Hello"));
        await single.ClassifyAsync(Conversation.OfUser("Hello"));
        // What is left, once the engines have taken back the conversation's, is the policy's, and 64 bytes of margin in each.
        Assert.True(SpinWait.SpinUntil(() => half.Engine.LiveCacheBytes - 64 == (single.Engine.LiveCacheBytes - 64) / 2, TimeSpan.FromSeconds(20)));
    }
}
