using GuardSharp.Engine;
using GuardSharp.Lab.FineTuning.Rows;
using GuardSharp.Models;
using GuardSharp.Tensors;

namespace GuardSharp.Lab.FineTuning.Network;

/// <summary>What the layers get of a pack: embeddings with pictures in place, and what cross-attention reads.</summary>
/// <param name="Hidden">[N, hidden].</param>
/// <param name="Reading">Pictures of cross-attention; null: there are none.</param>
internal sealed record PackInput(Tensor Hidden, PictureReading? Reading)
{
    /// <summary>Encodes one picture.</summary>
    public static Tensor Encode(ITensorOps ops, IGuardNetwork network, EncodedImage image, int tileSize) =>
        Encode(network, ops.Upload(image.Pixels, image.Pixels.Length / tileSize, tileSize), image.GridRows, image.GridColumns);

    /// <summary>Encodes one picture whose pixels, [tiles * 3 * P, P], the backend has already.</summary>
    public static Tensor Encode(IGuardNetwork network, Tensor pixels, int gridRows, int gridColumns) =>
        network is ICrossAttentionNetwork reader ? reader.EncodePicture(pixels, gridRows, gridColumns) : network.EncodeTiles(pixels);

    /// <summary>Puts the encoded pictures of a pack in their places.</summary>
    /// <param name="ops">The backend.</param>
    /// <param name="network">The network.</param>
    /// <param name="pack">The examples.</param>
    /// <param name="spans">Their rows.</param>
    /// <param name="pictures">Their encoded pictures, one after the other.</param>
    /// <param name="pictureToken">The token that pictures stand for.</param>
    public static PackInput Join(
        ITensorOps ops, IGuardNetwork network, SftPack pack, IReadOnlyList<SequenceSpan> spans, IReadOnlyList<Tensor> pictures, int pictureToken)
    {
        int[] ids = [.. pack.Examples.SelectMany(example => example.Ids)];
        var hidden = network.Embed(ids);
        if (pictures.Count == 0)
        {
            return new PackInput(hidden, null);
        }

        if (network is ICrossAttentionNetwork reader)
        {
            return new PackInput(hidden, PictureReading.Of(ops, reader, spans, Memories(ops, reader, pack, pictures, pictureToken)));
        }

        var all = pictures.Aggregate(ops.ConcatRows);
        int[] places = [.. Enumerable.Range(0, ids.Length).Where(i => ids[i] == pictureToken)];
        return new PackInput(ops.ScatterRows(hidden, places, all), null);
    }

    private static PictureMemory?[] Memories(ITensorOps ops, ICrossAttentionNetwork reader, SftPack pack, IReadOnlyList<Tensor> pictures, int pictureToken)
    {
        var memories = new PictureMemory?[pack.Examples.Count];
        var next = 0;
        for (var i = 0; i < memories.Length; i++)
        {
            var images = pack.Examples[i].Images;
            if (images.Count > 0)
            {
                var encoded = images.Select(image => (pictures[next++], image.GridRows * image.GridColumns)).ToList();
                memories[i] = PictureMemory.Create(ops, reader, new PictureSight(pack.Examples[i].Ids, pictureToken), encoded, keep: false);
            }
        }

        return memories;
    }
}
