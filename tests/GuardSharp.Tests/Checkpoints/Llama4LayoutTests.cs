using System.Text;
using System.Text.Json.Nodes;
using GuardSharp.Checkpoints;

namespace GuardSharp.Tests.Checkpoints;

public sealed class Llama4LayoutTests
{
    // The published dimensions (tests/golden/README.md, "REAL MODEL DIMENSIONS").
    private const string LlamaGuard4 = """
        {
          "architectures": ["Llama4ForConditionalGeneration"], "model_type": "llama4", "tie_word_embeddings": false,
          "boi_token_index": 200080, "eoi_token_index": 200081, "image_token_index": 200092,
          "text_config": {
            "model_type": "llama4_text", "vocab_size": 202048, "hidden_size": 5120, "num_hidden_layers": 48, "num_attention_heads": 40,
            "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 8192, "intermediate_size_mlp": 8192, "num_local_experts": 0,
            "interleave_moe_layer_step": 0, "moe_layers": [], "no_rope_layer_interval": 80, "attention_chunk_size": null,
            "max_position_embeddings": 131072, "rope_theta": 500000.0, "bos_token_id": 200000, "eos_token_id": [200001, 200007, 200008],
            "rope_scaling": {"rope_type": "llama3", "factor": 16.0, "low_freq_factor": 1.0, "high_freq_factor": 1.0, "original_max_position_embeddings": 8192}
          },
          "vision_config": {
            "model_type": "llama4_vision_model", "hidden_size": 1408, "num_hidden_layers": 34, "num_attention_heads": 16, "intermediate_size": 5632,
            "image_size": 336, "patch_size": 14, "vision_output_dim": 4096, "projector_input_dim": 4096, "projector_output_dim": 4096
          }
        }
        """;

    [Theory]
    [InlineData("llama4-tiny")]
    [InlineData("llama4-guard-tiny")]
    [InlineData("llama4-guard-tiny/bf16-sharded")]
    [InlineData("llama4-moe-tiny/moe")]
    [InlineData("llama4-moe-tiny/dense")]
    public void The_layout_is_that_of_files_written_by_the_reference(string folder)
    {
        var path = TestFiles.Golden(folder.Split('/'));
        using var checkpoint = Checkpoint.Open(path);
        Assert.Equal(
            checkpoint.Tensors.Select(tensor => $"{tensor.Name} {Printable.Shape(tensor.Shape)}").Order(StringComparer.Ordinal),
            Llama4Layout.Tensors(Llama4Config.Read(path)).Select(tensor => $"{tensor.Name} {Printable.Shape(tensor.Shape)}").Order(StringComparer.Ordinal));
        Assert.Empty(ModelSummary.Read(path).Problems);
    }

    [Fact]
    public void Llama_Guard_4_has_the_parameters_of_the_published_model()
    {
        var config = JsonSection.Parse("config.json", Encoding.UTF8.GetBytes(LlamaGuard4), Llama4ConfigReader.Read);
        Assert.Equal(12_001_097_216, (long)config.Parameters());
        Assert.All(config.Text.RopeLayers, Assert.True);
        Assert.Equal(144, config.Vision!.TokensPerTile);
        Assert.Equal(577, config.Vision.Positions);
    }

    [Fact]
    public void A_tied_model_has_no_head_of_its_own()
    {
        var root = JsonNode.Parse(LlamaGuard4)!.AsObject();
        root["tie_word_embeddings"] = true;
        var config = JsonSection.Parse("config.json", Encoding.UTF8.GetBytes(root.ToJsonString()), Llama4ConfigReader.Read);
        Assert.DoesNotContain(Llama4Layout.Tensors(config), tensor => tensor.Name.Contains("lm_head", StringComparison.Ordinal));
    }

    [Fact]
    public void A_summary_names_what_is_missing_unexpected_or_of_another_shape()
    {
        using var folder = new TemporaryFolder();
        folder.CopyFrom(TestFiles.Golden("llama4-tiny"));
        using (var writer = SafetensorsWriter.Create(folder["model.safetensors"],
            [new("language_model.model.norm.weight", TensorType.F32, [65]), new("foreign", TensorType.I64, [1])]))
        {
            writer.AppendZeros("language_model.model.norm.weight", 65 * 4);
            writer.AppendZeros("foreign", 8);
            writer.Commit();
        }

        new GuardManifest { Name = "n", Version = "v", Codes = ["S1"], WeightsSha256 = new string('0', 64) }.Write(folder.Path);
        var problems = ModelSummary.Read(folder.Path).Problems;
        Assert.Contains("tensor \"language_model.lm_head.weight\" [512, 64] is missing", problems);
        Assert.Contains("model.safetensors: tensor \"language_model.model.norm.weight\" is [65] F32, but config.json asks for [64]", problems);
        Assert.Contains("model.safetensors: tensor \"foreign\" is [1] I64 and unexpected", problems);
        Assert.Contains(problems, problem => problem.StartsWith("guardsharp.json records the weights 000000000000", StringComparison.Ordinal));
    }
}
