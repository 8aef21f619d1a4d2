using System.Text;
using System.Text.Json.Nodes;
using GuardSharp.Checkpoints;

namespace GuardSharp.Tests.Checkpoints;

public sealed class Llama4ConfigTests
{
    [Fact]
    public void The_config_of_a_chunked_model_is_read()
    {
        var config = Llama4Config.Read(TestFiles.Golden("llama4-tiny"));
        var text = config.Text;
        Assert.Equal((512, 64, 5, 4, 2, 16), (text.VocabularySize, text.HiddenSize, text.Layers, text.Heads, text.KeyHeads, text.HeadSize));
        Assert.Equal((112, 96, 0), (text.FeedForwardSize, text.ExpertSize, text.Experts));
        Assert.Equal([true, true, true, false, true], text.RopeLayers);
        Assert.Equal([true, true, true, false, true], text.ChunkedLayers);
        Assert.Equal(new bool[5], text.MoeLayers);
        Assert.Equal(16, text.ChunkSize);
        Assert.Equal((true, 8f, 0.1f), (text.TemperatureTuning, text.FloorScale, text.AttentionScale));
        Assert.Equal(new RopeScaling(8, 1, 4, 64), text.RopeScaling);
        Assert.Equal([1, 3, 4], text.EndIds);
        Assert.Equal(new ImageTokens(500, 501, 505), config.ImageTokens);
        Assert.Equal((32, 3, 2, 128, 84, 14, 48), (config.Vision!.HiddenSize, config.Vision.Layers, config.Vision.Heads,
            config.Vision.FeedForwardSize, config.Vision.ImageSize, config.Vision.PatchSize, config.Vision.OutputSize));
        Assert.Equal((37, 9, 588), (config.Vision.Positions, config.Vision.TokensPerTile, config.Vision.PatchLength));
        Assert.Empty(config.UnknownKeys);
    }

    [Theory]
    [InlineData("llama4-guard-tiny")]
    [InlineData("llama4-guard-tiny/bf16-sharded")]
    public void No_chunk_size_means_full_attention_in_every_layer(string folder)
    {
        var text = Llama4Config.Read(TestFiles.Golden(folder.Split('/'))).Text;
        Assert.Null(text.ChunkSize);
        Assert.Equal([true, true, true, true, true], text.RopeLayers);
        Assert.Equal(new bool[5], text.ChunkedLayers);
    }

    [Fact]
    public void Layers_of_experts_are_those_of_the_list()
    {
        var text = Llama4Config.Read(TestFiles.Golden("llama4-moe-tiny", "moe")).Text;
        Assert.Equal([true, true, true, true, true], text.MoeLayers);
        Assert.Equal((4, 96, 160), (text.Experts, text.ExpertSize, text.FeedForwardSize));
        Assert.Equal(new bool[5], Llama4Config.Read(TestFiles.Golden("llama4-moe-tiny", "dense")).Text.MoeLayers);
    }

    [Fact]
    public void Absent_lists_have_the_defaults_of_the_reference_and_empty_ones_their_own_meaning()
    {
        var text = Read(root => Text(root).Without("no_rope_layers", "moe_layers", "layer_types").Set("num_local_experts", 4).Set("interleave_moe_layer_step", 2)).Text;
        Assert.Equal([true, true, true, false, true], text.RopeLayers);
        Assert.Equal([false, true, false, true, false], text.MoeLayers);

        var empty = Read(root => Text(root).Set("no_rope_layers", new JsonArray()).Set("moe_layers", new JsonArray()).Set("num_local_experts", 4)).Text;
        Assert.Equal([true, true, true, false, true], empty.RopeLayers);
        Assert.Equal(new bool[5], empty.MoeLayers);

        Assert.Equal([true, false, true, false, true], Read(root => Text(root).Without("no_rope_layers", "layer_types").Set("no_rope_layer_interval", 2)).Text.RopeLayers);
        Assert.Equal(8192, Read(root => Text(root).Without("attention_chunk_size")).Text.ChunkSize);
        Assert.Equal(new bool[5], Read(root => Text(root).Without("moe_layers")).Text.MoeLayers);
    }

    [Fact]
    public void Layer_types_decide_which_layers_are_chunked()
    {
        var types = new JsonArray("full_attention", "chunked_attention", "chunked_attention", "full_attention", "full_attention");
        Assert.Equal([false, true, true, false, false], Read(root => Text(root).Set("layer_types", types)).Text.ChunkedLayers);
    }

    [Fact]
    public void Both_forms_of_the_rotary_keys_mean_the_same()
    {
        var older = Read(root => { }).Text;
        var newer = Read(root =>
        {
            var parameters = Text(root)["rope_scaling"]!.DeepClone().AsObject();
            parameters["rope_theta"] = 500000.0;
            Text(root).Without("rope_scaling", "rope_theta").Set("rope_parameters", parameters);
        }).Text;
        Assert.Equal(older.RopeScaling, newer.RopeScaling);
        Assert.Equal(older.RopeTheta, newer.RopeTheta);
        Assert.Null(Read(root => Text(root).Set("rope_scaling", null)).Text.RopeScaling);
        Assert.NotNull(Read(root => Text(root)["rope_scaling"]!.AsObject().Remove("rope_type")).Text.RopeScaling);
        Assert.Null(Read(root => Text(root).Without("rope_scaling").Set("rope_parameters", new JsonObject { ["rope_type"] = "default" })).Text.RopeScaling);
    }

    [Fact]
    public void Tied_embeddings_are_honoured_wherever_they_stand()
    {
        Assert.False(Read(root => { }).Text.TieWordEmbeddings);
        Assert.True(Read(root => root["tie_word_embeddings"] = true).Text.TieWordEmbeddings);
        Assert.True(Read(root => { root.Remove("tie_word_embeddings"); Text(root).Set("tie_word_embeddings", true); }).Text.TieWordEmbeddings);
    }

    [Fact]
    public void A_model_without_vision_has_no_image_tokens()
    {
        var config = Read(root => root.Remove("vision_config"));
        Assert.Null(config.Vision);
        Assert.Null(config.ImageTokens);
    }

    [Fact]
    public void An_unknown_key_is_reported_and_changes_nothing()
    {
        var config = Read(root => { root["future"] = 1; Text(root).Set("wings", true); root["vision_config"]!["tail"] = "x"; });
        Assert.Equal(["future", "text_config.wings", "vision_config.tail"], config.UnknownKeys);
    }

    [Theory]
    [InlineData("model_type", "\"llama\"", "only \"llama4\" is supported")]
    [InlineData("architectures", "[\"LlamaForCausalLM\"]", "only \"Llama4ForConditionalGeneration\" is supported")]
    [InlineData("quantization_config", "{\"bits\":4}", "quantised checkpoints are not supported")]
    [InlineData("text_config", "null", "it must be an object")]
    [InlineData("text_config.hidden_act", "\"gelu\"", "\"text_config.hidden_act\" is \"gelu\", but only \"silu\" is supported")]
    [InlineData("text_config.attention_bias", "true", "only false is supported")]
    [InlineData("text_config.attention_bias", "1", "true or false is allowed")]
    [InlineData("text_config.mlp_bias", "true", "only false is supported")]
    [InlineData("text_config.num_experts_per_tok", "2", "only 1 is supported")]
    [InlineData("text_config.num_hidden_layers", "0", "a whole number from 1 to 1024 is allowed")]
    [InlineData("text_config.num_hidden_layers", "2147483648", "a whole number from 1 to 1024 is allowed")]
    [InlineData("text_config.hidden_size", "1.5", "a whole number from 1 to")]
    [InlineData("text_config.hidden_size", "\"64\"", "a whole number from 1 to")]
    [InlineData("text_config.hidden_size", null, "\"text_config.hidden_size\" is missing")]
    [InlineData("text_config.head_dim", "15", "an even number is needed")]
    [InlineData("text_config.num_key_value_heads", "3", "it must divide num_attention_heads, 4")]
    [InlineData("text_config.rms_norm_eps", "-1", "a number from 0 to 1 is allowed")]
    [InlineData("text_config.rope_theta", "1e999", "a number from 1 to")]
    [InlineData("text_config.rope_scaling.rope_type", "\"yarn\"", "\"llama3\" and \"default\" are supported")]
    [InlineData("text_config.rope_scaling.factor", "0", "a number from 0.001")]
    [InlineData("text_config.rope_scaling.high_freq_factor", "0.5", "it must be at least low_freq_factor, 1")]
    [InlineData("text_config.rope_scaling.original_max_position_embeddings", null, "is missing")]
    [InlineData("text_config.rope_parameters", "{\"rope_type\":\"default\"}", "rope_scaling is given as well")]
    [InlineData("text_config.no_rope_layers", "[1,1]", "it needs one entry for each of the 5 layers")]
    [InlineData("text_config.no_rope_layers", "[1,1,1,1,2]", "a whole number from 0 to 1 is allowed")]
    [InlineData("text_config.moe_layers", "[5]", "a whole number from 0 to 4 is allowed")]
    [InlineData("text_config.moe_layers", "[1]", "a dense model has moe_layers []")]
    [InlineData("text_config.layer_types", "[\"full_attention\"]", "it needs one entry for each of the 5 layers")]
    [InlineData("text_config.layer_types", "[\"a\",\"a\",\"a\",\"a\",\"a\"]", "\"chunked_attention\" and \"full_attention\" are supported")]
    [InlineData("text_config.tie_word_embeddings", "true", "says the opposite")]
    [InlineData("text_config.eos_token_id", "[1,512]", "a whole number from 0 to 511 is allowed")]
    [InlineData("image_token_index", "512", "a whole number from 0 to 511 is allowed")]
    [InlineData("image_token_index", null, "a token id below vocab_size, 512")]
    [InlineData("vision_config.hidden_act", "\"quick_gelu\"", "only \"gelu\" is supported")]
    [InlineData("vision_config.pixel_shuffle_ratio", "0.25", "only 0.5 is supported")]
    [InlineData("vision_config.multi_modal_projector_bias", "true", "only false is supported")]
    [InlineData("vision_config.vision_feature_select_strategy", "\"full\"", "only \"default\" is supported")]
    [InlineData("vision_config.vision_feature_layer", "-2", "only -1 is supported")]
    [InlineData("vision_config.intermediate_size", "127", "hidden_size / pixel_shuffle_ratio^2 = 128")]
    [InlineData("vision_config.projector_input_dim", "47", "it must equal vision_output_dim, 48")]
    [InlineData("vision_config.image_size", "98", "an even number of patches of 14 pixels")]
    [InlineData("vision_config.num_attention_heads", "16", "heads of a multiple of 4 numbers")]
    [InlineData("vision_config.num_channels", "1", "a whole number from 3 to 3 is allowed")]
    public void A_value_that_is_not_implemented_is_an_error_that_names_file_and_key(string path, string? json, string expected)
    {
        var error = Assert.Throws<CheckpointException>(() => Read(root =>
        {
            var keys = path.Split('.');
            var section = keys[..^1].Aggregate(root, (node, key) => node[key]!.AsObject());
            section.Remove(keys[^1]);
            if (json is not null)
            {
                section[keys[^1]] = JsonNode.Parse(json);
            }
        }));
        Assert.StartsWith("config.json: \"", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains(path.Split('.')[^1], error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "not valid JSON")]
    [InlineData("[]", "must hold a JSON object")]
    [InlineData("""{"model_type":"llama4","model_type":"llama4"}""", "\"model_type\" stands twice")]
    [InlineData("""{"model_type":"\ud800"}""", "not valid JSON")]
    public void A_file_that_is_no_config_is_an_error(string json, string expected)
    {
        var error = Assert.Throws<CheckpointException>(() => JsonSection.Parse("config.json", Encoding.UTF8.GetBytes(json), Llama4ConfigReader.Read));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_config_is_an_error()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("config.json: the file cannot be read", Assert.Throws<CheckpointException>(() => Llama4Config.Read(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_end_ids_of_the_generation_config_have_precedence()
    {
        using var folder = new TemporaryFolder();
        var config = Llama4Config.Read(TestFiles.Golden("llama4-tiny"));
        Assert.Equal([1, 3, 4], GenerationConfig.EndIds(folder.Path, config));
        folder.Write("generation_config.json", """{"eos_token_id": 7}""");
        Assert.Equal([7], GenerationConfig.EndIds(folder.Path, config));
        folder.Write("generation_config.json", """{"eos_token_id": 7000}""");
        Assert.Throws<CheckpointException>(() => GenerationConfig.EndIds(folder.Path, config));
        folder.Write("generation_config.json", "{}");
        Assert.Throws<CheckpointException>(() => GenerationConfig.EndIds(folder.Path, config with { Text = config.Text with { EndIds = [] } }));
    }

    private static Llama4Config Read(Action<JsonObject> edit)
    {
        var root = JsonNode.Parse(File.ReadAllText(TestFiles.Golden("llama4-tiny", "config.json")))!.AsObject();
        edit(root);
        return JsonSection.Parse("config.json", Encoding.UTF8.GetBytes(root.ToJsonString()), Llama4ConfigReader.Read);
    }

    private static JsonObject Text(JsonObject root) => root["text_config"]!.AsObject();
}

internal static class JsonObjectEditing
{
    public static JsonObject Set(this JsonObject node, string key, JsonNode? value)
    {
        node[key] = value;
        return node;
    }

    public static JsonObject Without(this JsonObject node, params string[] keys)
    {
        foreach (var key in keys)
        {
            node.Remove(key);
        }

        return node;
    }
}
