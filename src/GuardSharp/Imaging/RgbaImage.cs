namespace GuardSharp.Imaging;

/// <summary>A decoded picture, upright.</summary>
/// <param name="Width">Pixels from left to right, at least 1.</param>
/// <param name="Height">Pixels from top to bottom, at least 1.</param>
/// <param name="Pixels">Bytes [Height, Width, 4]: red, green, blue, alpha; alpha is not multiplied into the colours.</param>
internal sealed record RgbaImage(int Width, int Height, byte[] Pixels)
{
    /// <summary>Bytes of one pixel.</summary>
    public const int Channels = 4;
}
