using GuardSharp.Checkpoints;
using GuardSharp.Imaging;

namespace GuardSharp.Tests.Checkpoints;

public sealed class PublishedModelTests
{
    [Fact]
    public void Dimensions_are_those_of_the_table()
    {
        var guard4 = PublishedModel.Find("guard-4-12b").Config();
        Assert.Equal((48, 5120, 40, 8, 128, 202048), Sizes(guard4));
        Assert.Equal(new VisionDimensions(34, 1408, 336, 144), guard4.Dimensions.Vision);
        var vision = Assert.IsType<MllamaConfig>(PublishedModel.Find("meta-llama/Llama-Guard-3-11B-Vision").Config());
        Assert.Equal((40, 4096, 32, 8, 128, 128256), Sizes(vision));
        Assert.Equal((128264, 7680, 1601, 8), (vision.Dimensions.InputIds, vision.Vision.OutputSize, vision.Vision.Positions, vision.Vision.GlobalLayers));
        Assert.Equal((32, 4096, 32, 8, 128, 128256), Sizes(PublishedModel.Find("guard-3-8b").Config()));
        Assert.Equal((16, 2048, 32, 8, 64, 128256), Sizes(PublishedModel.Find("guard-3-1b").Config()));
        Assert.All(PublishedModel.All, model => Assert.Equal(3, model.Config().EndIds.Count));
    }

    [Theory]
    [InlineData("guard-4-12b", 1, 2)]
    [InlineData("guard-3-11b-vision", 9, 5)]
    [InlineData("guard-3-11b-vision", 1, 32)]
    [InlineData("guard-3-8b", 3, null)]
    public void A_slice_has_fewer_layers_of_the_same_width(string name, int textLayers, int? visionLayers)
    {
        var (whole, slice) = (PublishedModel.Find(name).Config(), PublishedModel.Find(name).Config(textLayers, visionLayers));
        Assert.Equal(textLayers, slice.Dimensions.Layers);
        if (slice is Llama4Config llama4)
        {
            Assert.Equal(visionLayers, llama4.Vision!.Layers);
            Assert.Equal(textLayers, llama4.Text.RopeLayers.Length);
        }

        if (slice is MllamaConfig mllama)
        {
            Assert.Equal((visionLayers, 7680), (mllama.Vision.LocalLayers, mllama.Vision.OutputSize));
            Assert.NotEmpty(mllama.Text.CrossLayers);
        }

        var shapes = whole.Tensors().ToDictionary(tensor => tensor.Name, tensor => Printable.Shape(tensor.Shape));
        foreach (var (tensor, shape) in slice.Tensors().Where(tensor => shapes.ContainsKey(tensor.Name)))
        {
            Assert.Equal(shapes[tensor], Printable.Shape(shape));
        }
    }

    [Theory]
    [InlineData("guard-3-1b", 17, null, "17 text layers were asked for; guard-3-1b can be cut to 1 up to its 16")]
    [InlineData("guard-3-1b", 0, null, "0 text layers")]
    [InlineData("guard-3-1b", null, 3, "has no vision encoder")]
    [InlineData("guard-3-11b-vision", null, 4, "can be cut to 5 up to its 32")]
    public void A_slice_that_cannot_be_is_refused(string name, int? textLayers, int? visionLayers, string saying) =>
        Assert.Contains(saying, Assert.Throws<CheckpointException>(() => PublishedModel.Find(name).Config(textLayers, visionLayers)).Message);

    [Fact]
    public void The_picture_settings_are_those_that_the_processor_reads()
    {
        using var folder = new TemporaryFolder();
        foreach (var (name, content) in PublishedModel.Find("guard-4-12b").Files())
        {
            File.WriteAllBytes(folder[name], content);
        }

        Assert.Equivalent(new Llama4ImageSettings(), Llama4ImageSettingsFile.Read(folder.Path, 336));
    }

    private static (int, int, int, int, int, int) Sizes(IModelConfig config)
    {
        var sizes = config.Dimensions;
        return (sizes.Layers, sizes.HiddenSize, sizes.Heads, sizes.KeyHeads, sizes.HeadSize, sizes.VocabularySize);
    }
}
