using System.Text;
using System.Text.Json.Nodes;
using GuardSharp.Checkpoints;

namespace GuardSharp.Tests.Checkpoints;

public sealed class MllamaConfigTests
{
    [Fact]
    public void The_config_of_a_small_model_is_read()
    {
        var config = MllamaConfig.Read(TestFiles.Golden("mllama-tiny"));
        var (text, vision) = (config.Text, config.Vision);
        Assert.Equal((512, 520, 64, 5, 4, 2, 16, 112), (text.VocabularySize, text.EmbeddingRows, text.HiddenSize, text.Layers, text.Heads, text.KeyHeads, text.HeadSize, text.FeedForwardSize));
        Assert.Equal([1, 3], text.CrossLayers);
        Assert.Equal(new RopeScaling(8, 1, 4, 64), text.RopeScaling);
        Assert.Equal([1, 3, 4], text.EndIds);
        Assert.Equal(512, config.ImageToken);
        Assert.Equal((32, 4, 2, 2, 80, 56, 14), (vision.HiddenSize, vision.LocalLayers, vision.GlobalLayers, vision.Heads, vision.FeedForwardSize, vision.ImageSize, vision.PatchSize));
        Assert.Equal((17, 24, 588, 4, 96), (vision.Positions, vision.PaddedPositions, vision.PatchLength, vision.MaxTiles, vision.OutputSize));
        Assert.Equal([1, 2], vision.IntermediateLayers);
        Assert.Equal([(1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2), (3, 1), (4, 1)], vision.Grids);
        Assert.Empty(config.UnknownKeys);
    }

    [Fact]
    public void Absent_keys_have_the_defaults_of_the_reference()
    {
        var config = Parse("""{"model_type": "mllama", "text_config": {}, "vision_config": {"image_size": 560}}""");
        Assert.Equal((128256, 4096, 40, 32, 8, 14336, 131072), (config.Text.VocabularySize, config.Text.HiddenSize, config.Text.Layers, config.Text.Heads, config.Text.KeyHeads, config.Text.FeedForwardSize, config.Text.MaxPositions));
        Assert.Equal([3, 8, 13, 18, 23, 28, 33, 38], config.Text.CrossLayers);
        Assert.Equal([3, 7, 15, 23, 30], config.Vision.IntermediateLayers);
        Assert.Equal((1601, 1608, 7680), (config.Vision.Positions, config.Vision.PaddedPositions, config.Vision.OutputSize));
        Assert.Equal(8, config.Vision.Grids.Count);
        Assert.Equal(128256, config.ImageToken);
    }

    [Theory]
    [InlineData("model_type", "\"llama4\"", "\"model_type\" is \"llama4\"")]
    [InlineData("text_config.hidden_act", "\"gelu\"", "\"text_config.hidden_act\" is \"gelu\"")]
    [InlineData("text_config.cross_attention_layers", "[3, 1]", "rising layer numbers below 5")]
    [InlineData("text_config.cross_attention_layers", "[5]", "from 0 to 4")]
    [InlineData("text_config.tie_word_embeddings", "true", "only false is supported")]
    [InlineData("text_config.num_key_value_heads", "3", "it must divide num_attention_heads, 4")]
    [InlineData("vision_config.hidden_act", "\"quick_gelu\"", "only \"gelu\" is supported")]
    [InlineData("vision_config.vision_output_dim", "64", "one more than the intermediate layers, 96")]
    [InlineData("vision_config.supported_aspect_ratios", "[[1, 2], [1, 1]]", "all grids of at most 4 tiles are needed")]
    [InlineData("vision_config.supported_aspect_ratios", "[[1, 8]]", "of at most 4 tiles is needed")]
    [InlineData("vision_config.num_attention_heads", "4", "attention_heads is 2; keep one of them")]
    [InlineData("vision_config.image_size", "57", "a whole number of patches of 14 pixels")]
    [InlineData("quantization_config", "{}", "quantised checkpoints are not supported")]
    [InlineData("image_token_index", "520", "from 0 to 519")]
    public void A_key_that_would_change_the_mathematics_is_an_error(string key, string value, string message)
    {
        var root = JsonNode.Parse(File.ReadAllText(TestFiles.Golden("mllama-tiny", "config.json")))!.AsObject();
        var parts = key.Split('.');
        (parts.Length == 1 ? root : root[parts[0]]!.AsObject())[parts[^1]] = JsonNode.Parse(value);
        var error = Assert.Throws<CheckpointException>(() => Parse(root.ToJsonString()));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_that_is_not_known_is_named_and_changes_nothing()
    {
        var config = Parse("""{"model_type": "mllama", "news": 1, "text_config": {"max_length": 20}, "vision_config": {"image_size": 560, "tint": "blue"}}""");
        Assert.Equal(["news", "vision_config.tint"], config.UnknownKeys.Order(StringComparer.Ordinal));
    }

    private static MllamaConfig Parse(string json) => JsonSection.Parse("config.json", Encoding.UTF8.GetBytes(json), MllamaConfigReader.Read);
}
