namespace GuardSharp.Imaging;

/// <summary>Makes the tiles of a picture that a network takes. Safe from any thread.</summary>
internal interface IImageProcessor
{
    /// <summary>The tiles of a picture, normalised.</summary>
    TiledImage Process(RgbaImage image);
}
