namespace GuardSharp.Imaging;

/// <summary>Turns a picture into the tiles that Llama Guard 3 Vision takes: white behind alpha, canvas, Pillow's resize, padding, tiles, normalisation.</summary>
/// <remarks>
/// Safe from any thread. Tiles that the picture does not fill up to the most there may be are left to the network: they are zeros (model
/// note M12). Source: tests/golden/README.md, "Preprocessing, exact", Mllama.
/// </remarks>
internal sealed class MllamaImageProcessor(MllamaImageSettings settings) : IImageProcessor
{
    // Made with the first picture: a process that judges text alone starts without them.
    private readonly Lazy<MllamaCanvasChooser> _chooser = new(() => new MllamaCanvasChooser(settings));
    private readonly Lazy<ByteTables> _values = new(() => new ByteTables(settings));

    /// <summary>The settings it works by.</summary>
    public MllamaImageSettings Settings { get; } = settings;

    /// <summary>Where a picture of a size goes.</summary>
    public MllamaCanvas ChooseCanvas(int width, int height) => _chooser.Value.Choose(width, height);

    /// <summary>The value of a byte in a channel (0 red, 1 green, 2 blue).</summary>
    public float Value(int channel, byte value) => _values.Value.Value(channel, value);

    public TiledImage Process(RgbaImage image)
    {
        var side = Settings.TileSize;
        var canvas = ChooseCanvas(image.Width, image.Height);
        var resized = Resampler.Resize(OnWhite(image), canvas.Width, canvas.Height, ResamplingCoefficients.PillowPrecision);
        var length = 3 * side * side;
        var pixels = GC.AllocateUninitializedArray<float>(canvas.GridRows * canvas.GridColumns * length);
        for (var tile = 0; tile < canvas.GridRows * canvas.GridColumns; tile++)
        {
            var (row, column) = Math.DivRem(tile, canvas.GridColumns);
            TileCutter.Fill(resized, column * side, row * side, side, _values.Value, pixels.AsSpan(tile * length, length));
        }

        return new TiledImage(pixels, side, canvas.GridRows, canvas.GridColumns, HasGlobalTile: false);
    }

    /// <summary>The picture over white, in Pillow's integer arithmetic; the same object when nothing is transparent.</summary>
    internal static RgbaImage OnWhite(RgbaImage image)
    {
        var source = image.Pixels;
        var isOpaque = true;
        for (var i = 3; isOpaque && i < source.Length; i += RgbaImage.Channels)
            isOpaque = source[i] == 255;
        if (isOpaque)
            return image;

        var pixels = new byte[source.Length];
        for (var i = 0; i < source.Length; i += RgbaImage.Channels)
        {
            var alpha = source[i + 3];
            for (var channel = 0; channel < 3; channel++)
            {
                // 7 bits behind the point, and a division by 255 made of shifts: they decide how halves are rounded.
                var mixed = ((source[i + channel] * alpha) + (255 * (255 - alpha)) + 128) << 7;
                pixels[i + channel] = (byte)((((mixed >> 8) + mixed) >> 8) >> 7);
            }

            pixels[i + 3] = 255;
        }

        return image with { Pixels = pixels };
    }

    /// <summary>Bytes to values: one table of 256 for each channel. The byte is scaled in double and rounded, the rest is float32, as in the reference.</summary>
    private sealed class ByteTables(MllamaImageSettings settings) : IPixelValues
    {
        private readonly float[][] _tables =
        [
            .. Enumerable.Range(0, 3).Select(channel => Enumerable.Range(0, 256)
                .Select(value => ((float)(value * (1 / 255.0)) - settings.Mean[channel]) / settings.StandardDeviation[channel]).ToArray()),
        ];

        public float Value(int channel, byte value) => _tables[channel][value];

        public float Padding(int channel) => Value(channel, 0);

        public void Apply(ReadOnlySpan<uint> row, int channel, Span<float> target)
        {
            var table = _tables[channel];
            for (var x = 0; x < row.Length; x++)
                target[x] = table[(byte)(row[x] >> (8 * channel))];
        }
    }
}
