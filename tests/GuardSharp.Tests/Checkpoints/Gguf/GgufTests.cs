using System.Text.Json.Nodes;
using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Gguf;
using GuardSharp.Conversations;
using GuardSharp.Models;
using GuardSharp.Models.Verification;
using GuardSharp.Prompts;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;
using GuardSharp.Tests.Engine;
using GuardSharp.Tokenization;
using GuardSharp.Torch;

namespace GuardSharp.Tests.Checkpoints.Gguf;

public sealed class GgufTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string ModelPath => _folder["model.gguf"];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("tied", "long")]
    [InlineData("tied", "batch2_left_pad")]
    [InlineData("untied", "long")]
    public void A_converted_model_computes_what_the_reference_computed(string form, string name)
    {
        var golden = TestFiles.Golden("llama-tiny", form);
        GgufSample.Of(golden, GgufSample.F32, uneven: GgufSample.F32).Write(ModelPath);
        var compared = ModelVerification.Run(
            ModelPath, Path.Combine(golden, "cases", name + ".safetensors"), weights => (new CpuOps(2), weights));
        // As for the safetensors files: float32 sums in another order (tests/golden/README.md, "Tolerances").
        Assert.All(compared, c => Assert.True(c.Within(1e-4f), $"{c.Name}: {c.Difference?.ToString() ?? "not computed"}"));
        Assert.Equal(8, compared.Count);
    }

    [Theory]
    [InlineData("Q8_0")]
    [InlineData("Q4_0")]
    public void A_quantised_model_computes_what_its_dequantised_weights_do(string name)
    {
        var type = name == "Q8_0" ? TensorType.Q80 : TensorType.Q40;
        // Blocks of 32 divide the widths of the miniature.
        var golden = TestFiles.Golden("llama-tiny", "tied");
        GgufSample.Of(golden, type == TensorType.Q80 ? GgufSample.Q80 : GgufSample.Q40).Write(ModelPath);
        using var twin = new TemporaryFolder();
        GgufSample.Of(golden, values => GgufSample.F32(Requantised(values, type))).Write(twin["model.gguf"]);
        // On torch, which multiplies singles: the CPU's kernels round the activations too.
        var ours = Logits(ModelPath, weights => (new TorchOps(), new TorchWeights(weights)));
        var (expected, original) = (Logits(twin["model.gguf"]), Logits(golden));
        for (var i = 0; i < ours.Length; i++)
        {
            // Logits up to 5, float32 sums in another order.
            Assert.Equal(expected[i], ours[i], 1e-4f);
        }

        Assert.True(original.Zip(ours).Max(pair => MathF.Abs(pair.First - pair.Second)) > 2e-2f, "quantisation changed nothing: was it read at all?");
    }

    [Fact]
    public async Task A_folder_with_one_GGUF_file_is_a_whole_guard()
    {
        Build(chatTemplate: null).Write(ModelPath);
        await JudgeAsync(_folder.Path, PromptVariant.Guard3Small);
        await JudgeAsync(ModelPath, PromptVariant.Guard3Small);
    }

    [Fact]
    public void The_chat_template_inside_decides_the_wording()
    {
        Build("Task: according to our policy").Write(ModelPath);
        var error = Assert.Throws<CheckpointException>(() => PromptVariants.Of(ModelPath, null, null));
        Assert.Contains("of no variant this version knows", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_tokenizer_inside_gives_the_ids_of_the_file_it_was_made_from()
    {
        Build(chatTemplate: null).Write(ModelPath);
        var (inside, beside) = (ModelTokenizer.Load(ModelPath), TokenizerFile.Load(TokenizerPath));
        foreach (var text in new[] { "safe unsafe\nS1,S2", "How do I pick a lock? <|eot_id|> ", "Größe, 123 456 สวัสดี 😀\r\n\t x" })
        {
            var (ours, theirs) = (new List<int>(), new List<int>());
            inside.Encode(text, ours);
            beside.Encode(text, theirs);
            Assert.Equal(theirs, ours);
        }

        Assert.Equal(beside.Specials.OrderBy(special => special.Value), inside.Specials.OrderBy(special => special.Value));
    }

    [Fact]
    public void A_summary_describes_the_file()
    {
        GgufSample.Of(TestFiles.Golden("llama-tiny", "untied"), GgufSample.Q80).Write(ModelPath);
        var summary = ModelSummary.Read(ModelPath);
        Assert.Empty(summary.Problems);
        Assert.Equal(["Q8_0", "F16", "F32"], summary.Types.Select(type => type.Type));
        Assert.Equal(summary.Parameters, (long)summary.Config.Parameters());
        using var checkpoint = Checkpoint.Open(ModelPath);
        Assert.Equal([("quantised", checkpoint.Tensors.Sum(tensor => tensor.Bytes))], summary.Memory);
    }

    public static TheoryData<string, string, string?, string> Slips => new()
    {
        { "general.architecture", "llama4", null, "only \"llama\"" },
        { "llama.rope.scaling.type", "yarn", null, "only the divisors of Llama 3" },
        { "llama.block_count", "x", null, "must be a whole number" },
        { "llama.block_count", "", "remove", "is missing" },
        { "general.alignment", "x", null, "a power of two" },
    };

    [Theory, MemberData(nameof(Slips))]
    public void Metadata_that_cannot_be_followed_is_an_error_by_name(string key, string value, string? remove, string expected)
    {
        var sample = GgufSample.Of(TestFiles.Golden("llama-tiny", "tied"), GgufSample.F32).Without(key);
        (remove is null ? sample.Text(key, value) : sample).Write(ModelPath);
        var error = Assert.Throws<CheckpointException>(() => ModelConfig.Read(ModelPath));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains(key, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_whole_file_of_a_known_kind_is_refused()
    {
        var good = GgufSample.Of(TestFiles.Golden("llama-tiny", "tied"), GgufSample.F32).ToArray();
        Refused([.. good.AsSpan(0, good.Length - 100)], "Is it fully downloaded?");
        Refused([.. good.AsSpan(0, 100)], "Is the file fully downloaded?");
        Refused([.. "GGUF"u8, 0, 0, 0, 3, .. good.AsSpan(8)], "little endian");
        Refused([.. "GGML"u8, .. good.AsSpan(4)], "does not begin with");
        Refused(new GgufSample().Number("split.count", 3).ToArray(), "llama-gguf-split --merge");
        Refused(new GgufSample().Tensor("a", 11, [256], new byte[110]).ToArray(), "Q8_0");
        Refused(new GgufSample().Tensor("a", 8, [33], new byte[68]).ToArray(), "blocks of 32");
        Refused(new GgufSample().Tensor("a", 0, [4], new byte[16]).Tensor("a", 0, [4], new byte[16]).ToArray(), "stands twice");
        Refused(new GgufSample().Number("k", 1).Number("k", 1).ToArray(), "stands twice");
    }

    [Fact]
    public void Of_several_files_in_a_folder_one_must_be_named()
    {
        var bytes = GgufSample.Of(TestFiles.Golden("llama-tiny", "tied"), GgufSample.F32).ToArray();
        File.WriteAllBytes(_folder["a.gguf"], bytes);
        File.WriteAllBytes(_folder["b.gguf"], bytes);
        Assert.Contains("2 GGUF files", Assert.Throws<CheckpointException>(() => Checkpoint.Open(_folder.Path)).Message, StringComparison.Ordinal);
        using var named = Checkpoint.Open(_folder["a.gguf"]);
        Assert.NotEmpty(named.Tensors);
    }

    private string TokenizerPath => _folder["tokenizer.source.json"];

    private GgufSample Build(string? chatTemplate)
    {
        using var source = new TemporaryFolder();
        Llama3Folders.WriteLlama(source.Path);
        // The tokenizer inside a GGUF file is cut by Llama 3's pattern; the trainer writes Llama 4's.
        var tokenizer = JsonNode.Parse(File.ReadAllText(source["tokenizer.json"]))!;
        tokenizer["pre_tokenizer"]!["pretokenizers"]![0]!["pattern"]!["Regex"] = SplitPattern.Llama3;
        File.WriteAllText(TokenizerPath, tokenizer.ToJsonString());
        var sample = GgufSample.Of(source.Path, GgufSample.Q80, TokenizerPath);
        return chatTemplate is null ? sample : sample.Text("tokenizer.chat_template", chatTemplate);
    }

    private static async Task JudgeAsync(string path, PromptVariant expected)
    {
        await using var guard = GuardClassifier.Load(path, new GuardOptions { Threads = 1 });
        Assert.Equal(expected, guard.Capabilities.PromptVariant);
        var verdict = await guard.ClassifyAsync(Conversation.OfUser("How do I pick a lock?"), cancellationToken: TestContext.Current.CancellationToken);
        Assert.InRange(verdict.UnsafeProbability, 0, 1);
        Assert.DoesNotContain(".gguf@", verdict.Model, StringComparison.Ordinal);
    }

    private void Refused(byte[] bytes, string expected)
    {
        File.WriteAllBytes(ModelPath, bytes);
        Assert.Contains(expected, Assert.Throws<CheckpointException>(() => GgufFile.Open(ModelPath).Dispose()).Message, StringComparison.Ordinal);
    }

    private static float[] Requantised(float[] values, TensorType type)
    {
        var result = new float[values.Length];
        Dequantisation.Run(type, (type == TensorType.Q80 ? GgufSample.Q80(values) : GgufSample.Q40(values)).Data, result);
        return result;
    }

    /// <summary>Logits behind three tokens.</summary>
    internal static float[] Logits(string path, TensorBackend? backend = null)
    {
        using var checkpoint = Checkpoint.Open(path);
        var (ops, weights) = (backend ?? (stored => (new CpuOps(1), stored)))(new CheckpointWeights(checkpoint));
        using var owned = ops;
        var network = GuardNetworks.Create(ops, weights, ModelConfig.Read(path));
        using var scope = ops.Scope();
        var hidden = ForwardPass.Run(ops, network, network.Embed([5, 6, 7]), [SequenceSpan.Self(0, 3)]);
        var logits = network.Logits(network.Final(hidden, [2]), []);
        var values = new float[logits.Length];
        ops.Read(logits, values);
        return values;
    }
}
