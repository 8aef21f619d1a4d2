using GuardSharp.Tensors;

namespace GuardSharp.Models;

/// <summary>A network that reads pictures by layers of cross-attention, not in place of tokens (Llama Guard 3 Vision).</summary>
/// <remarks>A picture is encoded once to rows; the layers' keys and values of these rows are computed once and kept as long as the conversation.</remarks>
internal interface ICrossAttentionNetwork : IGuardNetwork
{
    /// <summary>Layers of cross-attention: the layers of a cache of pictures.</summary>
    int CrossLayers { get; }

    /// <summary>Rows of a tile in an encoded picture.</summary>
    int RowsPerTile { get; }

    /// <summary>Whether tokens before the first picture read it all the same (model note M4). Then nothing of such a prompt may be shared with another picture's.</summary>
    bool EarlierTokensRead { get; }

    /// <summary>Encodes one picture.</summary>
    /// <param name="pixels">Its tiles one after the other, every row of pixels a row: [tiles * 3 * P, P]; at least the grid's, further ones are empty tiles.</param>
    /// <param name="gridRows">Tiles from top to bottom.</param>
    /// <param name="gridColumns">Tiles from left to right.</param>
    /// <returns>[most tiles * RowsPerTile, hidden], the grid's tiles first, then the empty ones.</returns>
    Tensor EncodePicture(Tensor pixels, int gridRows, int gridColumns);

    /// <summary>Computes every layer's keys and values of encoded pictures and appends them to a cache of <see cref="CrossLayers"/> layers.</summary>
    void Remember(Tensor encoded, KvCache cache);
}
