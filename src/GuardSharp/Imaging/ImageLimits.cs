namespace GuardSharp.Imaging;

/// <summary>What an image may cost. Everything is checked from the file's header, before a pixel is decoded.</summary>
public sealed record ImageLimits
{
    /// <summary>Largest encoded size in bytes, at least 1. Default 20 MiB.</summary>
    public long MaxImageBytes { get; init; } = 20L * 1024 * 1024;

    /// <summary>Most pixels (width x height), at least 1. Default 67,108,864 (64 Mi): 256 MiB once decoded.</summary>
    public long MaxPixels { get; init; } = 64L * 1024 * 1024;

    /// <summary>Longest side in pixels, at least 1. Default 16,384.</summary>
    public int MaxSide { get; init; } = 16_384;
}
