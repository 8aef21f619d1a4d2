using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using CsCheck;
using GuardSharp.Checkpoints;
using GuardSharp.Imaging;

namespace GuardSharp.Tests.Imaging;

/// <summary>Against Pillow 11.1 and numpy through transformers' MllamaImageProcessor; every comparison is exact.</summary>
public sealed class MllamaImageProcessorTests
{
    // The keys and values of the published preprocessor_config.json.
    private const string Published =
        """
        {"do_convert_rgb":true,"do_normalize":true,"do_pad":true,"do_rescale":true,"do_resize":true,
        "image_mean":[0.48145466,0.4578275,0.40821073],"image_processor_type":"MllamaImageProcessor","image_std":[0.26862954,0.26130258,0.27577711],
        "max_image_tiles":4,"resample":2,"rescale_factor":0.00392156862745098,"size":{"height":560,"width":560}}
        """;

    private static readonly MllamaImageProcessor Processor = new(new MllamaImageSettings());

    public static TheoryData<string> Names => Pictures.GoldenNames;

    [Theory]
    [MemberData(nameof(Names))]
    public void Canvas_size_and_grid_id_are_those_of_the_reference(string name)
    {
        var expected = Expected().GetProperty("images").GetProperty(name).GetProperty("mllama");
        var image = Pictures.Golden("images", name);
        var canvas = Processor.ChooseCanvas(image.Width, image.Height);
        Assert.Equal(expected.GetProperty("tiles_hw").EnumerateArray().Select(v => v.GetInt32()), [canvas.GridRows, canvas.GridColumns]);
        Assert.Equal(expected.GetProperty("resized_hw").EnumerateArray().Select(v => v.GetInt32()), [canvas.Height, canvas.Width]);
        var tiles = Processor.Process(image);
        Assert.Equal(expected.GetProperty("num_tiles").GetInt32(), tiles.Tiles);
        // The network knows a grid by its place in the configuration, whose default is the published list (model note M7).
        var vision = MllamaConfig.Read(TestFiles.Golden("mllama-tiny")).Vision;
        Assert.Equal(expected.GetProperty("aspect_ratio_id").GetInt32(), 1 + vision.Grids.ToList().IndexOf((tiles.GridRows, tiles.GridColumns)));
        Assert.Equal(
            expected.GetProperty("aspect_ratio_mask").EnumerateArray().Select(v => v.GetInt32()),
            Enumerable.Range(0, vision.MaxTiles).Select(tile => tile < tiles.Tiles ? 1 : 0));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_byte_of_the_canvas_is_that_of_the_reference(string name)
    {
        var tiles = Processor.Process(Pictures.Golden("images", name));
        var canvas = Pictures.Golden("expected_mllama", name);
        var side = tiles.TileSize;
        Assert.Equal((tiles.GridColumns * side, tiles.GridRows * side), (canvas.Width, canvas.Height));
        var wrong = 0;
        for (var y = 0; y < canvas.Height; y++)
        {
            for (var x = 0; x < canvas.Width; x++)
            {
                var tile = (y / side * tiles.GridColumns) + (x / side);
                for (var channel = 0; channel < 3; channel++)
                {
                    var seen = tiles.Pixels[(((((tile * 3) + channel) * side) + (y % side)) * side) + (x % side)];
                    wrong += seen == Processor.Value(channel, canvas.Pixels[(((y * canvas.Width) + x) * 4) + channel]) ? 0 : 1;
                }
            }
        }

        Assert.Equal(0, wrong);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_sampled_values_are_those_of_the_reference(string name)
    {
        var golden = GoldenTensors.Read(TestFiles.Golden("preprocessing", "mllama.safetensors"));
        var tiles = Processor.Process(Pictures.Golden("images", name));
        var coordinates = MemoryMarshal.Cast<byte, long>(golden["coords"]).ToArray();
        var grid = MemoryMarshal.Cast<byte, float>(golden[name + ".grid"]).ToArray();
        var side = tiles.TileSize;
        for (var i = 0; i < grid.Length; i++)
        {
            var (plane, y, x) = (i / 256, coordinates[i / 16 % 16], coordinates[i % 16]);
            // Tiles that the picture does not fill are zeros (model note M12).
            Assert.Equal(grid[i], plane / 3 < tiles.Tiles ? tiles.Pixels[(((plane * side) + y) * side) + x] : 0f);
        }
    }

    [Fact]
    public void The_lookup_table_is_that_of_the_reference()
    {
        var expected = MemoryMarshal.Cast<byte, float>(GoldenTensors.Read(TestFiles.Golden("preprocessing", "luts.safetensors"))["mllama_lut"]).ToArray();
        Assert.Equal(expected, Enumerable.Range(0, 3 * 256).Select(i => Processor.Value(i / 256, (byte)(i % 256))));
    }

    [Fact]
    public void What_is_transparent_is_white()
    {
        var clear = Pictures.Noise(50, 40, 1);
        clear = clear with { Pixels = [.. clear.Pixels.Select((v, i) => i % 4 == 3 ? (byte)0 : v)] };
        var white = clear with { Pixels = [.. clear.Pixels.Select(_ => (byte)255)] };
        Assert.Equal(Processor.Process(white).Pixels, Processor.Process(clear).Pixels);
    }

    [Fact]
    public void The_picture_fits_its_grid_and_keeps_its_aspect() =>
        Gen.Select(Gen.Int[1, 3000], Gen.Int[1, 3000], Gen.Int[1, 9], Gen.OneOf(Gen.Const(14), Gen.Const(56), Gen.Const(560))).Sample((width, height, maxTiles, side) =>
        {
            var canvas = new MllamaCanvasChooser(new MllamaImageSettings { TileSize = side, MaxTiles = maxTiles }).Choose(width, height);
            Assert.InRange(canvas.GridRows * canvas.GridColumns, 1, maxTiles);
            Assert.InRange(canvas.Width, 1, canvas.GridColumns * side);
            Assert.InRange(canvas.Height, 1, canvas.GridRows * side);
            // One side sets the scale, the other follows, rounded down (1 pixel), but at least 1.
            Assert.True(
                Math.Abs(canvas.Height - Math.Max(1, height * (double)canvas.Width / width)) <= 1
                || Math.Abs(canvas.Width - Math.Max(1, width * (double)canvas.Height / height)) <= 1,
                $"{width} x {height} became {canvas.Width} x {canvas.Height}");
        }, iter: 2000, seed: "0001imgTiles");

    [Fact]
    public void The_published_settings_are_the_defaults()
    {
        var (read, defaults) = (Parse(Published), new MllamaImageSettings());
        Assert.Equal(defaults.Mean, read.Mean);
        Assert.Equal(defaults.StandardDeviation, read.StandardDeviation);
        Assert.Equal((560, 4), (read.TileSize, read.MaxTiles));
    }

    [Theory]
    [InlineData("""{"do_pad":false}""", "do_pad")]
    [InlineData("""{"max_image_tiles":2}""", "max_image_tiles")]
    [InlineData("""{"size":{"height":448,"width":448}}""", "560")]
    [InlineData("""{"resample":3}""", "resample")]
    public void A_value_that_we_do_not_compute_is_an_error_and_names_its_key(string json, string part) =>
        Assert.Contains(part, Assert.Throws<CheckpointException>(() => Parse(json)).Message, StringComparison.Ordinal);

    private static MllamaImageSettings Parse(string json) => MllamaImageSettingsFile.Parse("some.json", Encoding.UTF8.GetBytes(json), 560, 4);

    private static JsonElement Expected()
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(TestFiles.Golden("preprocessing", "expected.json")));
        return document.RootElement.Clone();
    }
}
