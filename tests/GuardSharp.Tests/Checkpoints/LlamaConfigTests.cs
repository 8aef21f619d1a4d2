using System.Text;
using System.Text.Json.Nodes;
using GuardSharp.Checkpoints;

namespace GuardSharp.Tests.Checkpoints;

public sealed class LlamaConfigTests
{
    // The published dimensions (tests/golden/README.md, "REAL MODEL DIMENSIONS").
    private const string LlamaGuard3 = """
        {
          "architectures": ["LlamaForCausalLM"], "model_type": "llama", "tie_word_embeddings": false, "attention_bias": false, "mlp_bias": false,
          "vocab_size": 128256, "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
          "intermediate_size": 14336, "max_position_embeddings": 131072, "rms_norm_eps": 1e-05, "rope_theta": 500000.0,
          "bos_token_id": 128000, "eos_token_id": [128001, 128008, 128009], "hidden_act": "silu", "pretraining_tp": 1, "use_cache": true,
          "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
        }
        """;

    [Theory]
    [InlineData("tied")]
    [InlineData("untied")]
    public void The_layout_is_that_of_files_written_by_the_reference(string form)
    {
        var path = TestFiles.Golden("llama-tiny", form);
        using var checkpoint = Checkpoint.Open(path);
        Assert.Equal(
            checkpoint.Tensors.Select(tensor => $"{tensor.Name} {Printable.Shape(tensor.Shape)}").Order(StringComparer.Ordinal),
            LlamaLayout.Tensors(LlamaConfig.Read(path)).Select(tensor => $"{tensor.Name} {Printable.Shape(tensor.Shape)}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_head_size_of_the_file_is_used_though_the_width_divides_otherwise()
    {
        var config = LlamaConfig.Read(TestFiles.Golden("llama-tiny", "tied"));
        Assert.Equal((24, 96, 48), (config.HeadSize, config.QuerySize, config.KeySize));
        Assert.True(config.TieWordEmbeddings);
        Assert.Equal(new RopeScaling(32, 1, 4, 64), config.RopeScaling);
        Assert.Equal([1, 3, 4], config.EndIds);
        Assert.Empty(config.UnknownKeys);
    }

    [Fact]
    public void The_published_8B_has_its_published_parameters()
    {
        var config = Read(_ => { });
        Assert.Equal(8_030_261_248, (long)config.Parameters());
        Assert.Equal(128, config.HeadSize);
    }

    [Fact]
    public void The_published_1B_has_its_published_parameters() => Assert.Equal(1_235_814_400, (long)Read(OneBillion).Parameters());

    [Fact]
    public void A_pruned_head_has_the_rows_that_the_manifest_names()
    {
        var config = Read(root =>
        {
            OneBillion(root);
            root["tie_word_embeddings"] = false;
            root["num_hidden_layers"] = 12;
            root["intermediate_size"] = 6400;
        }).WithOutputTokens([.. Enumerable.Range(0, 20)]);
        Assert.Contains(("lm_head.weight", "[20, 2048]"), LlamaLayout.Tensors(config).Select(tensor => (tensor.Name, Printable.Shape(tensor.Shape))));
        Assert.Equal(128256, config.VocabularySize);
    }

    [Fact]
    public void A_tied_head_cannot_be_pruned()
    {
        var error = Assert.Throws<CheckpointException>(() => Read(OneBillion).WithOutputTokens([1]));
        Assert.Contains("tie_word_embeddings", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_output_token_beyond_the_vocabulary_is_an_error_that_says_both_numbers()
    {
        var error = Assert.Throws<CheckpointException>(() => Read(_ => { }).WithOutputTokens([128256]));
        Assert.Contains("128256", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model_type", "\"mistral\"")]
    [InlineData("hidden_act", "\"gelu\"")]
    [InlineData("attention_bias", "true")]
    [InlineData("mlp_bias", "true")]
    [InlineData("num_key_value_heads", "3")]
    [InlineData("head_dim", "5")]
    [InlineData("architectures", "[\"LlamaForSequenceClassification\"]")]
    [InlineData("quantization_config", "{}")]
    [InlineData("vocab_size", "0")]
    [InlineData("rope_scaling", """{"rope_type": "yarn"}""")]
    public void A_key_that_changes_the_mathematics_is_refused_by_name(string key, string value)
    {
        var error = Assert.Throws<CheckpointException>(() => Read(root => root[key] = JsonNode.Parse(value)));
        Assert.Contains(key, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_key_is_reported_and_changes_nothing() => Assert.Equal(["novelty"], Read(root => root["novelty"] = 1).UnknownKeys);

    private static void OneBillion(JsonObject root)
    {
        root["hidden_size"] = 2048;
        root["num_hidden_layers"] = 16;
        root["intermediate_size"] = 8192;
        root["head_dim"] = 64;
        root["tie_word_embeddings"] = true;
    }

    private static LlamaConfig Read(Action<JsonObject> edit)
    {
        var root = JsonNode.Parse(LlamaGuard3)!.AsObject();
        edit(root);
        return JsonSection.Parse("config.json", Encoding.UTF8.GetBytes(root.ToJsonString()), LlamaConfigReader.Read);
    }
}
