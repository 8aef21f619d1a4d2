using GuardSharp.Imaging;
using GuardSharp.Lab.Attacks.Pixels;
using GuardSharp.Tests.Imaging;

namespace GuardSharp.Tests.Attacks;

/// <summary>The way from pixels to tiles and of gradients back, against the preprocessors themselves on the golden pictures.</summary>
public sealed class PixelMapTests
{
    // Two roundings to bytes (half a level each, the first one averaged), fixed-point weights, and in llama4 bfloat16 (2^-8 of a value up to 1, three times).
    private const float Llama4Rounding = (1.1f * 2 / 255) + (3f / 256);
    private const float MllamaRounding = 1.1f / (255 * 0.26f);

    private static readonly Dictionary<string, IImageProcessor> _processors = new()
    {
        ["llama4"] = new Llama4ImageProcessor(new Llama4ImageSettings()),
        ["llama4 of 4 tiles"] = new Llama4ImageProcessor(new Llama4ImageSettings { TileSize = 224, MaxTiles = 4 }),
        ["mllama"] = new MllamaImageProcessor(new MllamaImageSettings()),
    };

    public static TheoryData<string, string> All
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var name in Directory.GetFiles(TestFiles.Golden("preprocessing", "images"), "*.png").Select(file => Path.GetFileNameWithoutExtension(file)))
            {
                foreach (var processor in _processors.Keys)
                {
                    data.Add(name, processor);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void The_tiles_are_those_of_the_preprocessor_byte_for_byte_and_without_rounding_nearly_so(string name, string kind)
    {
        var processor = _processors[kind];
        var image = Pictures.Golden("images", name);
        var flat = PixelMap.Flatten(processor, image);
        var map = PixelMap.Of(processor, image.Width, image.Height);
        var expected = processor.Process(image);
        var forward = map.Forward(flat);
        Assert.Equal((expected.GridRows, expected.GridColumns, expected.HasGlobalTile), (forward.GridRows, forward.GridColumns, forward.HasGlobalTile));
        Assert.True(expected.Pixels.AsSpan().SequenceEqual(forward.Pixels));

        var smooth = map.Smooth(flat);
        Assert.Equal(expected.Pixels.Length, smooth.Length);
        Assert.InRange(expected.Pixels.Zip(smooth).Max(pair => Math.Abs(pair.First - pair.Second)), 0, kind == "mllama" ? MllamaRounding : Llama4Rounding);
    }

    [Theory]
    [InlineData("mllama", 97, 61)]
    [InlineData("mllama", 700, 300)]
    [InlineData("mllama", 1, 40)]
    [InlineData("llama4", 97, 61)]
    [InlineData("llama4", 400, 700)]
    [InlineData("llama4 of 4 tiles", 760, 760)]
    public void The_gradient_is_that_of_finite_differences(string kind, int width, int height)
    {
        var map = PixelMap.Of(_processors[kind], width, height);
        var random = new Random(1);
        var picture = PixelPlanes.Of(Pictures.Noise(width, height, 2));
        var weights = map.Smooth(picture).Select(_ => random.NextSingle() - 0.5f).ToArray();
        var gradient = map.Backward(weights, width, height);
        var before = map.Smooth(picture);
        for (var check = 0; check < 12; check++)
        {
            // A dozen directions: single pixels at the corners and anywhere, then all pixels at once.
            var moved = picture with { Values = [.. picture.Values] };
            var places = check >= 8 ? Enumerable.Range(0, moved.Values.Length) : [check == 0 ? 0 : check == 1 ? moved.Values.Length - 1 : random.Next(moved.Values.Length)];
            var expected = 0.0;
            foreach (var place in places)
            {
                var step = 100 * (random.NextSingle() - 0.5f);
                moved.Values[place] += step;
                expected += step * (double)gradient[place];
            }

            var difference = map.Smooth(moved).Zip(before, weights).Sum(entry => ((double)entry.First - entry.Second) * entry.Third);
            // The map is linear: what remains is float32 in sums of up to a million numbers of size 1.
            Assert.Equal(expected, difference, 1e-3 * Math.Max(1, Math.Abs(expected)));
        }
    }

    [Fact]
    public void Alpha_is_dropped_for_llama4_and_white_for_mllama()
    {
        var clear = new RgbaImage(1, 1, [10, 20, 30, 0]);
        Assert.Equal([10, 20, 30], PixelMap.Flatten(_processors["llama4"], clear).Values);
        Assert.Equal([255, 255, 255], PixelMap.Flatten(_processors["mllama"], clear).Values);
    }
}
