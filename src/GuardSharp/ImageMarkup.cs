using GuardSharp.Imaging;

namespace GuardSharp;

/// <summary>How a picture stands in a prompt's token ids.</summary>
internal interface IImageMarkup
{
    /// <summary>The special token that stands for what the network makes of a picture.</summary>
    string Placeholder { get; }

    /// <summary>Appends the ids of one picture.</summary>
    /// <param name="image">Its tiles.</param>
    /// <param name="special">The id of a special token.</param>
    /// <param name="ids">The prompt so far.</param>
    void Append(TiledImage image, Func<string, int> special, List<int> ids);
}

/// <summary>Early fusion, Llama 4: every tile is a run of patch tokens (model note L11).</summary>
internal sealed class TileMarkup(int tokensPerTile) : IImageMarkup
{
    public string Placeholder => "<|patch|>";

    public void Append(TiledImage image, Func<string, int> special, List<int> ids)
    {
        ids.Add(special("<|image_start|>"));
        if (image.HasGlobalTile)
        {
            for (var row = 0; row < image.GridRows; row++)
            {
                for (var column = 0; column < image.GridColumns; column++)
                {
                    AppendTile(special, ids);
                    ids.Add(special(column < image.GridColumns - 1 ? "<|tile_x_separator|>" : "<|tile_y_separator|>"));
                }
            }
        }

        ids.Add(special("<|image|>"));
        AppendTile(special, ids);
        ids.Add(special("<|image_end|>"));
    }

    private void AppendTile(Func<string, int> special, List<int> ids)
    {
        var patch = special(Placeholder);
        for (var i = 0; i < tokensPerTile; i++)
        {
            ids.Add(patch);
        }
    }
}

/// <summary>Deep fusion, Llama 3.2 Vision: one token a picture, whatever its size; cross-attention reads the tiles.</summary>
internal sealed class SingleTokenMarkup : IImageMarkup
{
    public string Placeholder => "<|image|>";

    public void Append(TiledImage image, Func<string, int> special, List<int> ids) => ids.Add(special(Placeholder));
}
