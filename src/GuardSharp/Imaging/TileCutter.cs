using System.Runtime.InteropServices;

namespace GuardSharp.Imaging;

/// <summary>Bytes to the values a network takes.</summary>
internal interface IPixelValues
{
    /// <summary>The value of padding, which is byte 0.</summary>
    float Padding(int channel);

    /// <summary>Normalises one channel of a row of pixels.</summary>
    /// <param name="row">RGBA pixels, red in the lowest byte.</param>
    /// <param name="channel">0 red, 1 green, 2 blue.</param>
    /// <param name="target">At least as long as the row.</param>
    void Apply(ReadOnlySpan<uint> row, int channel, Span<float> target);
}

/// <summary>Cuts tiles out of a resized picture.</summary>
internal static class TileCutter
{
    /// <summary>Fills one tile; what lies right of and below the picture is byte 0 before normalisation.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="left">The tile's first column in it.</param>
    /// <param name="top">The tile's first row in it.</param>
    /// <param name="side">The tile's side in pixels.</param>
    /// <param name="values">Normalisation.</param>
    /// <param name="tile">[3, side, side].</param>
    public static void Fill(RgbaImage image, int left, int top, int side, IPixelValues values, Span<float> tile)
    {
        var source = MemoryMarshal.Cast<byte, uint>(image.Pixels);
        var width = Math.Clamp(image.Width - left, 0, side);
        var height = Math.Clamp(image.Height - top, 0, side);
        for (var y = 0; y < height; y++)
        {
            var row = width == 0 ? [] : source.Slice(((top + y) * image.Width) + left, width);
            for (var channel = 0; channel < 3; channel++)
            {
                var target = tile.Slice(((channel * side) + y) * side, side);
                values.Apply(row, channel, target);
                target[width..].Fill(values.Padding(channel));
            }
        }

        for (var channel = 0; channel < 3; channel++)
            tile.Slice(((channel * side) + height) * side, (side - height) * side).Fill(values.Padding(channel));
    }
}
