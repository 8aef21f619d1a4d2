using System.Runtime.InteropServices;
using System.Text.Json;
using CsCheck;
using GuardSharp.Imaging;

namespace GuardSharp.Tests.Imaging;

/// <summary>Against torchvision 0.21 through transformers' Llama4ImageProcessorFast; every comparison is exact.</summary>
public sealed class Llama4ImageProcessorTests
{
    private static readonly Llama4ImageProcessor Processor = new(new Llama4ImageSettings());

    public static TheoryData<string> Names => Pictures.GoldenNames;

    [Fact]
    public void The_allowed_grids_come_in_the_order_of_the_reference()
    {
        var expected = Expected().GetProperty("llama4_supported_canvases_hw").EnumerateArray().Select(c => (c[0].GetInt32() / 336, c[1].GetInt32() / 336));
        Assert.Equal(expected, new Llama4CanvasChooser(new Llama4ImageSettings()).Grids);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Canvas_and_size_are_those_of_the_reference(string name)
    {
        var expected = Expected().GetProperty("images").GetProperty(name).GetProperty("llama4");
        var image = Pictures.Golden("images", name);
        var canvas = Processor.ChooseCanvas(image.Width, image.Height);
        Assert.Equal(expected.GetProperty("aspect_ratio").EnumerateArray().Select(v => v.GetInt32()), [canvas.GridRows, canvas.GridColumns]);
        Assert.Equal(expected.GetProperty("resized_hw").EnumerateArray().Select(v => v.GetInt32()), [canvas.Height, canvas.Width]);
        Assert.Equal(expected.GetProperty("tiles").GetInt32(), canvas.Tiles);
        Assert.Equal(canvas.Tiles, Processor.Process(image).Tiles);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_byte_of_the_canvas_is_that_of_the_reference(string name)
    {
        var tiles = Processor.Process(Pictures.Golden("images", name));
        AssertTiles(Pictures.Golden("expected_llama4", name), tiles, 0, tiles.GridRows, tiles.GridColumns);
        if (tiles.HasGlobalTile)
            AssertTiles(Pictures.Golden("expected_llama4", name + ".global"), tiles, tiles.Tiles - 1, 1, 1);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_sampled_values_are_those_of_the_reference(string name)
    {
        var golden = GoldenTensors.Read(TestFiles.Golden("preprocessing", "llama4.safetensors"));
        var tiles = Processor.Process(Pictures.Golden("images", name));
        var coordinates = MemoryMarshal.Cast<byte, long>(golden["coords"]).ToArray();
        var grid = MemoryMarshal.Cast<byte, float>(golden[name + ".grid"]).ToArray();
        var side = tiles.TileSize;
        for (var i = 0; i < grid.Length; i++)
        {
            var (plane, y, x) = (i / 256, coordinates[i / 16 % 16], coordinates[i % 16]);
            Assert.Equal(grid[i], tiles.Pixels[(((plane * side) + y) * side) + x]);
        }

        Assert.Equal(tiles.Tiles * 3 * 256, grid.Length);
    }

    [Fact]
    public void The_lookup_table_is_that_of_the_reference()
    {
        var expected = MemoryMarshal.Cast<byte, float>(GoldenTensors.Read(TestFiles.Golden("preprocessing", "luts.safetensors"))["llama4_lut"]).ToArray();
        var normalisation = new PixelNormalisation(new Llama4ImageSettings());
        for (var channel = 0; channel < 3; channel++)
            Assert.Equal(expected, Enumerable.Range(0, 256).Select(v => normalisation.Value(channel, (byte)v)));
    }

    [Fact]
    public void The_vector_path_of_normalisation_equals_the_table()
    {
        var settings = new Llama4ImageSettings { Mean = [0.48f, 0.45f, 0.40f], StandardDeviation = [0.26f, 0.27f, 0.28f] };
        var normalisation = new PixelNormalisation(settings);
        var row = Enumerable.Range(0, 256).Select(v => (uint)(v | ((255 - v) << 8) | ((v ^ 0x55) << 16) | (0xEE << 24))).ToArray();
        var values = new float[256];
        for (var channel = 0; channel < 3; channel++)
        {
            normalisation.Apply(row, channel, values);
            Assert.Equal(row.Select(p => normalisation.Value(channel, (byte)(p >> (8 * channel)))), values);
        }
    }

    [Fact]
    public void Alpha_is_dropped_and_not_composited()
    {
        var opaque = Pictures.Noise(50, 40, 1);
        var clear = opaque with { Pixels = [.. opaque.Pixels.Select((v, i) => i % 4 == 3 ? (byte)0 : v)] };
        Assert.Equal(Processor.Process(opaque).Pixels, Processor.Process(clear).Pixels);
    }

    [Fact]
    public void The_picture_fits_its_grid_keeps_its_aspect_and_is_hardly_enlarged() =>
        Gen.Select(Gen.Int[1, 3000], Gen.Int[1, 3000], Gen.Int[1, 16], Gen.OneOf(Gen.Const(14), Gen.Const(56), Gen.Const(224), Gen.Const(336))).Sample((width, height, maxTiles, side) =>
        {
            var canvas = new Llama4CanvasChooser(new Llama4ImageSettings { TileSize = side, MaxTiles = maxTiles }).Choose(width, height);
            Assert.InRange(canvas.GridRows * canvas.GridColumns, 1, maxTiles);
            Assert.InRange(canvas.Width, 1, canvas.GridColumns * side);
            Assert.InRange(canvas.Height, 1, canvas.GridRows * side);
            // The aspect is kept: one side sets the scale, the other follows, rounded down by float32 or double (1 pixel), but at least 1.
            Assert.True(
                Math.Abs(canvas.Height - Math.Max(1, height * (double)canvas.Width / width)) <= 1
                || Math.Abs(canvas.Width - Math.Max(1, width * (double)canvas.Height / height)) <= 1,
                $"{width} x {height} became {canvas.Width} x {canvas.Height}");
            // A picture is enlarged to a tile's side at most.
            Assert.InRange(canvas.Width, 1, Math.Max(width, side));
            Assert.InRange(canvas.Height, 1, Math.Max(height, side));
        }, iter: 2000, seed: "0001imgTiles");

    [Fact]
    public void Tiles_put_back_together_are_the_resized_picture() =>
        Gen.Select(Gen.Int[1, 300], Gen.Int[1, 300], Gen.Int[1, 9]).Sample((width, height, maxTiles) =>
        {
            var processor = new Llama4ImageProcessor(new Llama4ImageSettings { TileSize = 56, MaxTiles = maxTiles });
            var image = Pictures.Noise(width, height, width);
            var tiles = processor.Process(image);
            var canvas = processor.ChooseCanvas(width, height);
            var resized = Resampler.Resize(image, canvas.Width, canvas.Height);
            AssertTiles(resized, tiles, 0, tiles.GridRows, tiles.GridColumns);
        }, iter: 60, seed: "0001imgTiles");

    // Compares tiles [first ..] laid out as rows x columns with the bytes of a picture; beyond the picture's edges stands byte 0.
    private static void AssertTiles(RgbaImage expected, TiledImage tiles, int first, int rows, int columns)
    {
        var normalisation = new PixelNormalisation(new Llama4ImageSettings());
        var side = tiles.TileSize;
        var wrong = 0;
        for (var y = 0; y < rows * side; y++)
        {
            for (var x = 0; x < columns * side; x++)
            {
                var tile = first + (y / side * columns) + (x / side);
                for (var channel = 0; channel < 3; channel++)
                {
                    var inside = x < expected.Width && y < expected.Height;
                    var value = inside ? expected.Pixels[(((y * expected.Width) + x) * 4) + channel] : (byte)0;
                    var seen = tiles.Pixels[(((((tile * 3) + channel) * side) + (y % side)) * side) + (x % side)];
                    wrong += seen == normalisation.Value(channel, value) ? 0 : 1;
                }
            }
        }

        Assert.Equal(0, wrong);
    }

    private static JsonElement Expected()
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(TestFiles.Golden("preprocessing", "expected.json")));
        return document.RootElement.Clone();
    }
}
