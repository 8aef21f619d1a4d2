using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Adapters;
using GuardSharp.Models;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;

namespace GuardSharp.Tests.Checkpoints.Adapters;

/// <summary>Adapters as PEFT writes them, and what is refused of them.</summary>
public sealed class AdapterTests : IDisposable
{
    // What peft 0.15 writes for LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj"]) on a causal language model.
    private const string Config = """
        {
          "alpha_pattern": {}, "auto_mapping": null, "base_model_name_or_path": "meta-llama/Llama-Guard-3-1B", "bias": "none", "corda_config": null,
          "eva_config": null, "exclude_modules": null, "fan_in_fan_out": false, "inference_mode": true, "init_lora_weights": true, "layer_replication": null,
          "layers_pattern": null, "layers_to_transform": null, "loftq_config": {}, "lora_alpha": 4, "lora_bias": false, "lora_dropout": 0.05,
          "megatron_config": null, "megatron_core": "megatron.core", "modules_to_save": null, "peft_type": "LORA", "r": 2, "rank_pattern": {},
          "revision": null, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM", "trainable_token_indices": null, "use_dora": false, "use_rslora": false
        }
        """;

    private const string Down = "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight";
    private const string Up = "base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight";

    private static readonly string _base = TestFiles.Golden("llama-tiny", "tied");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_folder_of_peft_adds_scale_times_B_A_to_the_module_it_names()
    {
        var (outputs, inputs) = Size();
        Write(Config, (Down, [2, inputs], i => i), (Up, [outputs, 2], i => 0.5f - i));
        using var adapter = Adapter.Open(_folder.Path);
        using var checkpoint = Checkpoint.Open(_base);
        var config = ModelConfig.Read(_base);
        var bound = new BoundWeights(checkpoint, adapter, config);
        var source = bound.Source;
        Assert.IsType<StoredWeight>(source.Matrix("model.layers.0.self_attn.q_proj.weight", (int)outputs, (int)inputs));
        var weight = Assert.IsType<LowRankWeight>(source.Matrix("model.layers.1.self_attn.q_proj.weight", (int)outputs, (int)inputs));
        Assert.Equal((2f, 0.05), (weight.Scale, weight.Dropout));

        using var ops = new CpuOps(1);
        using var scope = ops.Scope();
        var row = new float[inputs];
        ops.Read(ops.Embed([3], weight), row);
        var stored = checkpoint.Get("model.layers.1.self_attn.q_proj.weight").ToSingles();
        for (var i = 0; i < inputs; i++)
        {
            // B[3] = (0.5 - 6, 0.5 - 7); A[0] counts from 0, A[1] goes on.
            Assert.Equal(stored[(3 * inputs) + i] + (2 * ((-5.5f * i) + (-6.5f * (inputs + i)))), row[i], 1e-2f);
        }
    }

    [Fact]
    public void Names_that_transformers_holds_in_memory_are_those_of_the_published_files()
    {
        var source = TestFiles.Golden("mllama-tiny");
        AdapterSample.Write(_folder["adapter"], source, rename: MllamaNames.Nested);
        using var adapter = Adapter.Open(_folder["adapter"]);
        Assert.Contains("model.language_model.layers.1.cross_attn.q_proj", adapter.Modules.Keys);
        using var checkpoint = Checkpoint.Open(source);
        var bound = new BoundWeights(checkpoint, adapter, ModelConfig.Read(source));
        using var ops = new CpuOps(1);
        GuardNetworks.Create(ops, bound.Source, ModelConfig.Read(source));
        bound.RequireAllUsed();
    }

    [Fact]
    public void What_is_written_is_read_back()
    {
        var config = new AdapterConfig { Rank = 5, Alpha = 7.5, RankStabilised = true, Targets = ["self_attn.o_proj", "up_proj"], Dropout = 0.25, BaseModel = "a base" };
        AdapterSample.Write(_folder["adapter"], _base, config);
        using var adapter = Adapter.Open(_folder["adapter"]);
        Assert.Equivalent(config, adapter.Config, strict: true);
        Assert.Equal(7.5 / Math.Sqrt(5), adapter.Config.Scale, 1e-6);
        using var checkpoint = Checkpoint.Open(_base);
        Assert.Equal(AdapterOrigin.Of(checkpoint), adapter.Origin);
        Assert.Equal(2 * ModelConfig.Read(_base).Dimensions.Layers, adapter.Modules.Count);
    }

    [Theory]
    [InlineData("\"all-linear\"", "model.layers.0.mlp.up_proj", true)]
    [InlineData("\"all-linear\"", "lm_head", false)]
    [InlineData("\"all-linear\"", "model.embed_tokens", false)]
    [InlineData("[\"proj\"]", "model.layers.0.mlp.up_proj", false)]
    [InlineData("[\"mlp.up_proj\"]", "model.layers.0.mlp.up_proj", true)]
    [InlineData("\".*language_model.*\\\\.(q|v)_proj\"", "language_model.model.layers.0.self_attn.v_proj", true)]
    [InlineData("\".*language_model.*\\\\.(q|v)_proj\"", "vision_model.model.layers.0.self_attn.v_proj", false)]
    [InlineData("\"q_proj\"", "model.layers.0.self_attn.q_proj", false)]
    public void Targets_are_whole_names_their_ends_all_linear_layers_or_a_pattern(string targets, string module, bool covered) =>
        Assert.Equal(covered, Read(Config.Replace("[\"q_proj\"]", targets, StringComparison.Ordinal)).Covers(module));

    [Theory]
    [InlineData("\"LORA\"", "\"IA3\"", "\"peft_type\" is \"IA3\", but only \"LORA\" is supported")]
    [InlineData("\"CAUSAL_LM\"", "\"SEQ_CLS\"", "\"task_type\" is \"SEQ_CLS\"")]
    [InlineData("\"bias\": \"none\"", "\"bias\": \"all\"", "\"bias\" is \"all\", but only \"none\" is supported")]
    [InlineData("\"use_dora\": false", "\"use_dora\": true", "DoRA")]
    [InlineData("\"fan_in_fan_out\": false", "\"fan_in_fan_out\": true", "\"fan_in_fan_out\" is true")]
    [InlineData("\"modules_to_save\": null", "\"modules_to_save\": [\"lm_head\"]", "modules that were trained in full")]
    [InlineData("\"rank_pattern\": {}", "\"rank_pattern\": {\"q_proj\": 8}", "one rank for all modules")]
    [InlineData("\"alpha_pattern\": {}", "\"alpha_pattern\": {\"q_proj\": 8}", "one alpha for all modules")]
    [InlineData("\"init_lora_weights\": true", "\"init_lora_weights\": \"pissa_niter_4\"", "trained on a changed base")]
    [InlineData("\"r\": 2", "\"r\": 0", "\"r\" is 0")]
    [InlineData("\"r\": 2,", "", "\"r\" is missing")]
    [InlineData("\"lora_bias\": false", "\"some_new_kind\": {\"x\": 1}", "\"some_new_kind\" is")]
    [InlineData("[\"q_proj\"]", "[]", "at least one module is needed")]
    [InlineData("[\"q_proj\"]", "\"(q_proj\"", "a regular expression")]
    public void A_kind_of_adapter_that_is_not_supported_is_told_by_its_key(string from, string to, string saying) =>
        Assert.Contains(saying, Assert.Throws<CheckpointException>(() => Read(Config.Replace(from, to, StringComparison.Ordinal))).Message, StringComparison.Ordinal);

    [Fact]
    public void A_key_that_is_unknown_but_says_nothing_is_passed_over() => Read(Config.Replace("\"lora_bias\": false", "\"some_new_kind\": false", StringComparison.Ordinal));

    [Fact]
    public void A_tensor_that_the_network_does_not_use_is_named()
    {
        var (outputs, inputs) = Size();
        Write(Config, (Down.Replace("layers.1", "layers.9", StringComparison.Ordinal), [2, inputs], _ => 1), (Up.Replace("layers.1", "layers.9", StringComparison.Ordinal), [outputs, 2], _ => 1));
        Assert.Contains($"the first tensor is \"{Down.Replace("layers.1", "layers.9", StringComparison.Ordinal)}\"", LoadError(), StringComparison.Ordinal);
    }

    [Fact]
    public void An_adapter_of_another_size_is_refused_with_both_sizes()
    {
        var (outputs, inputs) = Size();
        Write(Config, (Down, [2, inputs + 1], _ => 1), (Up, [outputs, 2], _ => 1));
        Assert.Contains($"is [2, {inputs + 1}] F32 and B is [{outputs}, 2], but \"model.layers.1.self_attn.q_proj\" of the base is [{outputs}, {inputs}]", LoadError(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_rank_other_than_the_configuration_s_is_refused()
    {
        var (outputs, inputs) = Size();
        Write(Config, (Down, [3, inputs], _ => 1), (Up, [outputs, 3], _ => 1));
        Assert.Contains("but adapter_config.json says r 2: [2, inputs] is needed", LoadError(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("base_model.model.model.embed_tokens.lora_embedding_A", "Adapters of embeddings")]
    [InlineData("base_model.model.model.layers.1.self_attn.q_proj.lora_magnitude_vector", "DoRA's magnitudes")]
    [InlineData("base_model.model.model.layers.1.mlp.up_proj.lora_A.weight", "does not name it")]
    [InlineData("base_model.model.model.layers.2.self_attn.q_proj.lora_A.weight", "is missing beside")]
    public void A_tensor_of_another_kind_is_refused_by_name(string name, string saying)
    {
        var (outputs, inputs) = Size();
        Write(Config, (Down, [2, inputs], _ => 1), (Up, [outputs, 2], _ => 1), (name, [2, inputs], _ => 1));
        var error = LoadError();
        Assert.Contains(saying, error, StringComparison.Ordinal);
        Assert.Contains(name, error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pickle_is_not_read()
    {
        _folder.Write("adapter_model.bin", "x");
        _folder.Write(AdapterConfig.FileName, Config);
        Assert.Contains("safe_serialization", LoadError(), StringComparison.Ordinal);
    }

    private static (long Outputs, long Inputs) Size()
    {
        var shape = ModelConfig.Read(_base).Tensors().Single(tensor => tensor.Name == "model.layers.1.self_attn.q_proj.weight").Shape;
        return (shape[0], shape[1]);
    }

    private static AdapterConfig Read(string json) => JsonSection.Parse(AdapterConfig.FileName, Encoding.UTF8.GetBytes(json), AdapterConfigReader.Read);

    private string LoadError() => Assert.Throws<CheckpointException>(() =>
    {
        using var adapter = Adapter.Open(_folder.Path);
        using var checkpoint = Checkpoint.Open(_base);
        using var ops = new CpuOps(1);
        var bound = new BoundWeights(checkpoint, adapter, ModelConfig.Read(_base));
        GuardNetworks.Create(ops, bound.Source, ModelConfig.Read(_base));
        bound.RequireAllUsed();
    }).Message;

    /// <summary>The bytes of the file by hand: length of the header, header, data.</summary>
    private void Write(string config, params (string Name, long[] Shape, Func<int, float> Number)[] tensors)
    {
        _folder.Write(AdapterConfig.FileName, config);
        var (offset, entries, data) = (0L, new List<string> { "\"__metadata__\":{\"format\":\"pt\"}" }, new List<byte>());
        foreach (var (name, shape, number) in tensors)
        {
            float[] values = [.. Enumerable.Range(0, (int)(shape[0] * shape[1])).Select(number)];
            entries.Add($"\"{name}\":{{\"dtype\":\"F32\",\"shape\":[{shape[0]},{shape[1]}],\"data_offsets\":[{offset},{offset + (values.Length * 4)}]}}");
            data.AddRange(MemoryMarshal.AsBytes<float>(values).ToArray());
            offset += values.Length * 4;
        }

        var text = "{" + string.Join(',', entries) + "}";
        // The reference writer fills the header up with blanks, so that data is aligned.
        var header = Encoding.UTF8.GetBytes(text.PadRight((text.Length + 7) / 8 * 8));
        var length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        File.WriteAllBytes(_folder[Adapter.WeightsFileName], [.. length, .. header, .. data]);
    }
}
