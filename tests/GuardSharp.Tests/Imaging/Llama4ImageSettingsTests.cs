using System.Text;
using GuardSharp.Imaging;

namespace GuardSharp.Tests.Imaging;

public sealed class Llama4ImageSettingsTests
{
    // The keys and values of the published Llama 4 preprocessor_config.json.
    private const string Published =
        """
        {"crop_size":null,"data_format":"channels_first","default_to_square":true,"device":null,"do_center_crop":null,"do_convert_rgb":true,
        "do_normalize":true,"do_rescale":true,"do_resize":true,"image_mean":[0.5,0.5,0.5],"image_processor_type":"Llama4ImageProcessorFast",
        "image_std":[0.5,0.5,0.5],"input_data_format":null,"max_patches":16,"processor_class":"Llama4Processor","resample":2,
        "rescale_factor":0.00392156862745098,"resize_to_max_canvas":false,"return_tensors":null,"size":{"height":336,"width":336}}
        """;

    [Fact]
    public void The_published_file_gives_the_defaults() => AssertDefaults(Parse(Published, 336));

    [Fact]
    public void The_settings_may_lie_inside_processor_config() => AssertDefaults(Parse($$"""{"patch_size":14,"image_processor":{{Published}}}""", 336));

    [Fact]
    public void A_smaller_tile_and_fewer_tiles_are_read()
    {
        var settings = Parse("""{"size":{"height":224,"width":224},"max_patches":4,"image_mean":[0,0.1,0.2],"image_std":[1,0.9,0.8],"resize_to_max_canvas":true}""", 224);
        Assert.Equal((224, 4, true), (settings.TileSize, settings.MaxTiles, settings.ResizeToMaxCanvas));
        Assert.Equal([0f, 0.1f, 0.2f], settings.Mean);
        Assert.Equal([1f, 0.9f, 0.8f], settings.StandardDeviation);
    }

    [Fact]
    public void Without_a_file_the_tile_is_the_vision_encoders_image()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(new Llama4ImageSettings().MaxTiles, Llama4ImageSettingsFile.Read(folder.Path, 224).MaxTiles);
        Assert.Equal(224, Llama4ImageSettingsFile.Read(folder.Path, 224).TileSize);
        File.WriteAllText(System.IO.Path.Combine(folder.Path, "processor_config.json"), """{"max_patches":2}""");
        Assert.Equal(2, Llama4ImageSettingsFile.Read(folder.Path, 224).MaxTiles);
        File.WriteAllText(System.IO.Path.Combine(folder.Path, "preprocessor_config.json"), """{"max_patches":3}""");
        Assert.Equal(3, Llama4ImageSettingsFile.Read(folder.Path, 224).MaxTiles);
    }

    [Theory]
    [InlineData("""{"resample":3}""", "resample")]
    [InlineData("""{"do_convert_rgb":false}""", "do_convert_rgb")]
    [InlineData("""{"do_resize":"yes"}""", "do_resize")]
    [InlineData("""{"do_center_crop":true}""", "do_center_crop")]
    [InlineData("""{"rescale_factor":1}""", "rescale_factor")]
    [InlineData("""{"size":{"height":336,"width":335}}""", "size")]
    [InlineData("""{"size":336}""", "size")]
    [InlineData("""{"size":{"height":224,"width":224}}""", "224")]
    [InlineData("""{"max_patches":0}""", "max_patches")]
    [InlineData("""{"max_patches":2.5}""", "max_patches")]
    [InlineData("""{"image_std":[0.5,0.5,0]}""", "image_std")]
    [InlineData("""{"image_mean":[0.5]}""", "image_mean")]
    [InlineData("""[]""", "object")]
    [InlineData("""{"size":""", "JSON")]
    public void A_value_that_we_do_not_compute_is_an_error_and_names_its_key(string json, string part)
    {
        var error = Assert.Throws<CheckpointException>(() => Parse(json, 336));
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
        Assert.Contains("some.json", error.Message, StringComparison.Ordinal);
    }

    private static void AssertDefaults(Llama4ImageSettings settings)
    {
        var defaults = new Llama4ImageSettings();
        Assert.Equal(defaults.Mean, settings.Mean);
        Assert.Equal(defaults.StandardDeviation, settings.StandardDeviation);
        Assert.Equal(defaults with { Mean = settings.Mean, StandardDeviation = settings.StandardDeviation }, settings);
    }

    private static Llama4ImageSettings Parse(string json, int visionImageSize) =>
        Llama4ImageSettingsFile.Parse("some.json", Encoding.UTF8.GetBytes(json), visionImageSize);

    private sealed class TemporaryFolder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("guardsharp-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
