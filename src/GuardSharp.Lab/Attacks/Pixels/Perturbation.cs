using System.Runtime.InteropServices;
using GuardSharp.Imaging;

namespace GuardSharp.Lab.Attacks.Pixels;

/// <summary>One change for pictures of any size: laid on a canvas of its own, resized to each picture and added to it.</summary>
/// <remarks>Resizing takes weighted means, so what is within epsilon on the canvas is within epsilon on every picture.</remarks>
/// <param name="Width">Columns of the canvas.</param>
/// <param name="Height">Rows of the canvas.</param>
/// <param name="Values">[3, Height, Width] in levels of a byte.</param>
internal sealed record Perturbation(int Width, int Height, float[] Values)
{
    /// <summary>No change.</summary>
    public static Perturbation Zero(int width, int height) => new(width, height, new float[PixelPlanes.Channels * width * height]);

    /// <summary>The changed picture, within 0 and 255.</summary>
    public PixelPlanes AddTo(PixelPlanes picture)
    {
        var resize = ResizeTo(picture);
        var values = new float[picture.Values.Length];
        for (var channel = 0; channel < PixelPlanes.Channels; channel++)
        {
            var plane = resize.Apply(Values.AsSpan(channel * Width * Height, Width * Height));
            for (var i = 0; i < plane.Length; i++)
            {
                var place = (channel * picture.Area) + i;
                values[place] = Math.Clamp(picture.Values[place] + plane[i], 0, 255);
            }
        }

        return picture with { Values = values };
    }

    /// <summary>Adds what a picture's gradient is for the canvas; the limits 0 and 255 count as the identity.</summary>
    /// <param name="gradient">Of the changed picture, [3, height, width].</param>
    /// <param name="picture">The picture.</param>
    /// <param name="factor">Its weight.</param>
    /// <param name="sum">[3, Height, Width].</param>
    public void AddGradient(float[] gradient, PixelPlanes picture, float factor, float[] sum)
    {
        var resize = ResizeTo(picture);
        for (var i = 0; i < gradient.Length; i++)
        {
            gradient[i] *= factor;
        }

        for (var channel = 0; channel < PixelPlanes.Channels; channel++)
        {
            resize.AddTransposed(gradient.AsSpan(channel * picture.Area, picture.Area), sum.AsSpan(channel * Width * Height, Width * Height));
        }
    }

    /// <summary>A step against a gradient's sign, within a bound.</summary>
    /// <param name="gradient">[3, Height, Width].</param>
    /// <param name="length">Of the step, in levels.</param>
    /// <param name="levels">The bound.</param>
    public void Step(float[] gradient, float length, int levels)
    {
        for (var i = 0; i < Values.Length; i++)
        {
            Values[i] = Math.Clamp(Values[i] - (length * Math.Sign(gradient[i])), -levels, levels);
        }
    }

    /// <summary>The numbers as a file holds them: single precision, little endian.</summary>
    public byte[] ToBytes() => MemoryMarshal.AsBytes<float>(Values).ToArray();

    /// <summary>Reads <see cref="ToBytes"/>.</summary>
    /// <exception cref="GuardException">The file is of another canvas.</exception>
    public static Perturbation FromFile(string path, int width, int height)
    {
        var bytes = File.ReadAllBytes(path);
        return bytes.Length == PixelPlanes.Channels * width * height * sizeof(float)
            ? new Perturbation(width, height, MemoryMarshal.Cast<byte, float>(bytes).ToArray())
            : throw new GuardException($"{path} has {bytes.Length} bytes, but a canvas of {width} x {height} has {PixelPlanes.Channels * width * height * sizeof(float)}. Remove it, and it is computed again.");
    }

    /// <summary>The change made visible: gray where there is none, the largest one black or white.</summary>
    public RgbaImage Show()
    {
        var largest = Math.Max(1, Values.Max(Math.Abs));
        return new PixelPlanes(Width, Height, [.. Values.Select(value => 128 + (value * 127 / largest))]).Round();
    }

    private PlaneResize ResizeTo(PixelPlanes picture) => new(Width, Height, picture.Width, picture.Height);
}
