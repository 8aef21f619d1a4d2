namespace GuardSharp.Imaging;

/// <summary>How pictures become tiles. The defaults are those of Llama Guard 4.</summary>
internal sealed record Llama4ImageSettings
{
    /// <summary>Side of a tile in pixels, at least 1.</summary>
    public int TileSize { get; init; } = 336;

    /// <summary>Most tiles of a grid, the global tile not counted, at least 1.</summary>
    public int MaxTiles { get; init; } = 16;

    /// <summary>Subtracted from each channel of [0, 1]: red, green, blue.</summary>
    public IReadOnlyList<float> Mean { get; init; } = [0.5f, 0.5f, 0.5f];

    /// <summary>Each channel is divided by it, after the mean: red, green, blue; not 0.</summary>
    public IReadOnlyList<float> StandardDeviation { get; init; } = [0.5f, 0.5f, 0.5f];

    /// <summary>True to enlarge a picture until it touches the canvas; false to enlarge it to a tile's side at most.</summary>
    public bool ResizeToMaxCanvas { get; init; }
}
