using System.Text;
using GuardSharp.Checkpoints;

namespace GuardSharp.Tests.Checkpoints;

public sealed class MllamaLayoutTests
{
    [Fact]
    public void The_layout_is_that_of_files_written_by_the_reference()
    {
        var path = TestFiles.Golden("mllama-tiny");
        using var checkpoint = Checkpoint.Open(path);
        Assert.Equal(
            checkpoint.Tensors.Select(tensor => $"{tensor.Name} {Printable.Shape(tensor.Shape)}").Order(StringComparer.Ordinal),
            MllamaLayout.Tensors(MllamaConfig.Read(path)).Select(tensor => $"{tensor.Name} {Printable.Shape(tensor.Shape)}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Llama_Guard_3_Vision_has_the_parameters_of_the_published_model()
    {
        // The published dimensions are the defaults but for the image size (tests/golden/README.md, "REAL MODEL DIMENSIONS").
        var json = """{"model_type": "mllama", "text_config": {}, "vision_config": {"image_size": 560}}""";
        var config = JsonSection.Parse("config.json", Encoding.UTF8.GetBytes(json), MllamaConfigReader.Read);
        Assert.Equal(10_670_220_835, (long)config.Parameters());
    }

    [Theory]
    [InlineData("language_model.model.layers.3.cross_attn.q_proj.weight", "model.language_model.layers.3.cross_attn.q_proj.weight")]
    [InlineData("language_model.lm_head.weight", "lm_head.weight")]
    [InlineData("vision_model.class_embedding", "model.vision_model.class_embedding")]
    [InlineData("multi_modal_projector.bias", "model.multi_modal_projector.bias")]
    public void Every_published_name_has_a_nested_one(string published, string nested) => Assert.Equal(nested, MllamaNames.Nested(published));

    [Fact]
    public void A_checkpoint_says_by_its_names_which_of_the_two_it_uses()
    {
        using var published = Checkpoint.Open(TestFiles.Golden("mllama-tiny"));
        Assert.Equal("language_model.lm_head.weight", MllamaNames.Of(published)("language_model.lm_head.weight"));

        using var folder = new TemporaryFolder();
        using (var writer = SafetensorsWriter.Create(folder["model.safetensors"], [new("model.language_model.norm.weight", TensorType.F32, [1])]))
        {
            writer.AppendZeros("model.language_model.norm.weight", 4);
            writer.Commit();
        }

        using var nested = Checkpoint.Open(folder.Path);
        Assert.Equal("lm_head.weight", MllamaNames.Of(nested)("language_model.lm_head.weight"));
    }
}
