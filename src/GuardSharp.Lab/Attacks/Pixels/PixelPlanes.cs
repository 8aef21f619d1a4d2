using GuardSharp.Imaging;

namespace GuardSharp.Lab.Attacks.Pixels;

/// <summary>A picture as an attack moves it: red, green and blue, each a plane of its own.</summary>
/// <param name="Width">Pixels from left to right.</param>
/// <param name="Height">Pixels from top to bottom.</param>
/// <param name="Values">[3, Height, Width] in units of a byte, 0 to 255, not rounded.</param>
internal sealed record PixelPlanes(int Width, int Height, float[] Values)
{
    /// <summary>Colour channels.</summary>
    public const int Channels = 3;

    /// <summary>Numbers of one plane.</summary>
    public int Area => Width * Height;

    /// <summary>The colours of a picture; alpha is left behind.</summary>
    public static PixelPlanes Of(RgbaImage image)
    {
        var area = image.Width * image.Height;
        var values = new float[Channels * area];
        for (var i = 0; i < area; i++)
        {
            for (var channel = 0; channel < Channels; channel++)
            {
                values[(channel * area) + i] = image.Pixels[(i * RgbaImage.Channels) + channel];
            }
        }

        return new PixelPlanes(image.Width, image.Height, values);
    }

    /// <summary>The picture in 8 bits, opaque: what a file of it holds.</summary>
    public RgbaImage Round()
    {
        var pixels = new byte[Area * RgbaImage.Channels];
        for (var i = 0; i < Area; i++)
        {
            for (var channel = 0; channel < Channels; channel++)
            {
                pixels[(i * RgbaImage.Channels) + channel] = (byte)Math.Clamp(MathF.Round(Values[(channel * Area) + i]), 0, 255);
            }

            pixels[(i * RgbaImage.Channels) + Channels] = 255;
        }

        return new RgbaImage(Width, Height, pixels);
    }
}
