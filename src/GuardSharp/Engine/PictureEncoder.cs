using GuardSharp.Models;
using GuardSharp.Tensors;

namespace GuardSharp.Engine;

/// <summary>Encodes the pictures of prompts, in place of tokens or for cross-attention, whichever the network reads. Belongs to the engine's thread.</summary>
internal sealed class PictureEncoder(ITensorOps ops, IGuardNetwork network, TileTokens tokens, EngineOptions options)
{
    private readonly ICrossAttentionNetwork? _reader = network as ICrossAttentionNetwork;

    /// <summary>Whether a prompt's first ids mean the same under every picture behind them, so that their keys and values may be shared.</summary>
    public bool MaySharePrefix(EncodedPrompt prompt) => prompt.Images.Count == 0 || _reader is not { EarlierTokensRead: true };

    /// <summary>What the decoder reads in place of the image tokens [patch tokens, hidden]; null when nothing stands in place of tokens.</summary>
    public Tensor? Patches(IReadOnlyList<EncodedImage> pictures)
    {
        Tensor? all = null;
        foreach (var picture in _reader is null ? pictures : [])
        {
            var encoded = EncodeTiles(picture.Pixels);
            all = all is { } before ? ops.ConcatRows(before, encoded) : encoded;
        }

        return all;
    }

    /// <summary>The pictures of a prompt as cross-attention reads them, keys and values computed; null when it reads none.</summary>
    public PictureMemory? Remember(EncodedPrompt prompt)
    {
        if (_reader is null || prompt.Images.Count == 0)
        {
            return null;
        }

        using var scope = ops.Scope();
        var sight = new PictureSight([.. prompt.Prefix, .. prompt.Rest], tokens.PatchToken);
        var encoded = new List<(Tensor Rows, int Tiles)>(prompt.Images.Count);
        foreach (var picture in prompt.Images)
        {
            using var one = ops.Scope();
            var pixels = ops.Upload(picture.Pixels, picture.Pixels.Length / tokens.TileSize, tokens.TileSize);
            encoded.Add((ops.Keep(_reader.EncodePicture(pixels, picture.GridRows, picture.GridColumns)), picture.GridRows * picture.GridColumns));
        }

        return PictureMemory.Create(ops, _reader, sight, encoded, keep: true);
    }

    /// <summary>What the rows of a pass read by cross-attention, if anything.</summary>
    public PictureReading? Reading(IReadOnlyList<SequenceSpan> sequences, IReadOnlyList<PictureMemory?> memories) =>
        _reader is null ? null : PictureReading.Of(ops, _reader, sequences, memories);

    private Tensor EncodeTiles(float[] pixels)
    {
        var tile = 3 * tokens.TileSize * tokens.TileSize;
        Tensor? all = null;
        for (var start = 0; start < pixels.Length; start += tile * options.MaxTilesPerPass)
        {
            var part = pixels.AsSpan(start, Math.Min(tile * options.MaxTilesPerPass, pixels.Length - start));
            Tensor encoded;
            using (ops.Scope())
            {
                encoded = ops.Keep(network.EncodeTiles(ops.Upload(part, part.Length / tokens.TileSize, tokens.TileSize)));
            }

            all = all is { } before ? ops.ConcatRows(before, encoded) : encoded;
        }

        return all!.Value;
    }
}
