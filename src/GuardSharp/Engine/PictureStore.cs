using GuardSharp.Models;
using GuardSharp.Tensors;

namespace GuardSharp.Engine;

/// <summary>A picture as the network reads it, or all pictures of a prompt where cross-attention reads them together.</summary>
/// <param name="digest">What it is found by: SHA-256 of its pixels and grid.</param>
/// <param name="images">The pixels; forgotten once encoded.</param>
/// <param name="store">The store that it is part of.</param>
internal sealed class StoredPicture(string digest, IReadOnlyList<EncodedImage> images, PictureStore store) : KeptEntry
{
    public string Digest { get; } = digest;

    public IReadOnlyList<EncodedImage> Images { get; set; } = images;

    /// <summary>Prompts under way that need it.</summary>
    public int Users { get; set; }

    /// <summary>Whether it is encoded wholly.</summary>
    public bool IsComplete { get; set; }

    /// <summary>Tiles encoded so far.</summary>
    public int TilesDone { get; set; }

    /// <summary>What stands in place of its image tokens; null for cross-attention.</summary>
    public HostRows? Rows { get; set; }

    /// <summary>What cross-attention reads.</summary>
    public PictureMemory? Memory { get; set; }

    public override long Bytes => Rows?.Bytes ?? Memory?.Cache?.Bytes ?? 0;

    public override bool MayGo => Users == 0;

    public override void Evict() => store.Free(this);
}

/// <summary>The pictures of a prompt.</summary>
/// <param name="Stored">They, or the one entry of all where cross-attention reads them.</param>
/// <param name="Sight">Which tokens see which; null when pictures stand in place of tokens.</param>
internal sealed record PromptPictures(StoredPicture[] Stored, PictureSight? Sight)
{
    /// <summary>Whether all are encoded.</summary>
    public bool AreComplete => Array.TrueForAll(Stored, picture => picture.IsComplete);

    /// <summary>What cross-attention reads; null before it is complete, and where none reads.</summary>
    public PictureMemory? Memory { get; set; }
}

/// <summary>Encodes pictures, a few tiles at a time, and keeps them by their content, least recently used out first. Belongs to the engine's thread.</summary>
internal sealed class PictureStore(ITensorOps ops, IGuardNetwork network, TileTokens tokens, EngineOptions options, CacheMemory memory, EngineMetrics metrics) : IDisposable
{
    private readonly ICrossAttentionNetwork? _reader = network as ICrossAttentionNetwork;
    private readonly Dictionary<string, StoredPicture> _stored = [];
    private readonly KeptEntries _idle = new(options.ImageCacheBytes, options.CacheIdleTime);
    private readonly PromptKeys _keys = new(tokens.PatchToken);

    /// <summary>Bytes of pictures that are kept and not in use. Safe from any thread.</summary>
    public long IdleBytes => _idle.Bytes;

    /// <summary>Whether a prompt's first ids mean the same under every picture behind them, so that their keys and values may be shared. Safe from any thread.</summary>
    public bool MaySharePrefix(EncodedPrompt prompt) =>
        prompt.Images.Count == 0 || (_reader is not { EarlierTokensRead: true } && !prompt.Prefix.Contains(tokens.PatchToken));

    /// <summary>What a prompt's keys and values depend on.</summary>
    public long[] KeysOf(int[] ids, IReadOnlyList<EncodedImage> images) => _reader is { EarlierTokensRead: true }
        ? _keys.OfTokensThatReadAll(ids, images)
        : _keys.Of(ids, images, [.. images.Select(image => _reader is null ? image.Pixels.Length / tokens.TileLength : 1)]);

    /// <summary>The pictures of a prompt, encoded or not, until <see cref="Release"/>; null for none.</summary>
    public PromptPictures? Hold(EncodedPrompt prompt, int[] ids)
    {
        if (prompt.Images.Count == 0)
        {
            return null;
        }

        return _reader is null
            ? new PromptPictures([.. prompt.Images.Select(image => Hold([image]))], null)
            : new PromptPictures([Hold(prompt.Images)], new PictureSight(ids, tokens.PatchToken));
    }

    /// <summary>Encodes a few tiles of the first picture that lacks some. Call it until all are complete.</summary>
    public void Encode(PromptPictures pictures)
    {
        if (Array.Find(pictures.Stored, picture => !picture.IsComplete) is { } next)
        {
            if (_reader is null)
            {
                EncodeTiles(next);
            }
            else
            {
                EncodeAll(next, pictures.Sight!);
            }
        }
    }

    /// <summary>Makes the pictures of a prompt ready to be read; all of them are encoded.</summary>
    /// <param name="pictures">The pictures.</param>
    /// <param name="imageTokens">Image tokens of the prompt.</param>
    /// <exception cref="ArgumentException">They do not fit the prompt's image tokens.</exception>
    public static void Complete(PromptPictures pictures, int imageTokens)
    {
        if (pictures.Sight is { } sight)
        {
            pictures.Memory = pictures.Stored[0].Memory!.For(sight);
        }
        else if (pictures.Stored.Sum(picture => picture.Rows!.Rows) is var rows && rows != imageTokens)
        {
            throw new ArgumentException($"The prompt has {imageTokens} image tokens, its images give {rows}.", nameof(imageTokens));
        }
    }

    /// <summary>Ends a <see cref="Hold(EncodedPrompt, int[])"/>. What nobody needs is kept as the budget allows; half a picture is not.</summary>
    public void Release(PromptPictures? pictures)
    {
        foreach (var picture in pictures?.Stored ?? [])
        {
            if (--picture.Users > 0)
            {
                continue;
            }

            if (picture.IsComplete && _idle.Fits(picture.Bytes))
            {
                _idle.Add(picture);
            }
            else
            {
                Free(picture);
            }
        }
    }

    /// <summary>Evicts pictures that were not used for too long. Returns how long the next one has still to live.</summary>
    public TimeSpan? Expire() => _idle.Expire();

    /// <summary>Frees a picture that nobody needs.</summary>
    public void Free(StoredPicture picture)
    {
        _stored.Remove(picture.Digest);
        memory.Count(-picture.Bytes);
        picture.Rows?.Dispose();
        picture.Memory?.Dispose();
    }

    public void Dispose()
    {
        foreach (var picture in _stored.Values.ToList())
        {
            Free(picture);
        }
    }

    private StoredPicture Hold(IReadOnlyList<EncodedImage> images)
    {
        var digest = PromptKeys.DigestOf(images);
        if (!_stored.TryGetValue(digest, out var picture))
        {
            picture = _stored[digest] = new StoredPicture(digest, images, this);
        }

        metrics.ImageLookup(hit: picture.IsComplete);
        _idle.Remove(picture);
        picture.Users++;
        return picture;
    }

    private void EncodeTiles(StoredPicture picture)
    {
        var pixels = picture.Images[0].Pixels;
        var all = pixels.Length / tokens.TileLength;
        var count = Math.Min(options.MaxTilesPerPass, all - picture.TilesDone);
        using var scope = ops.Scope();
        var part = pixels.AsSpan(picture.TilesDone * tokens.TileLength, count * tokens.TileLength);
        var encoded = network.EncodeTiles(ops.Upload(part, part.Length / tokens.TileSize, tokens.TileSize));
        var perTile = encoded.Rows / count;
        if (picture.Rows is null)
        {
            picture.Rows = new HostRows(all * perTile, encoded.Columns);
            memory.Count(picture.Bytes);
        }

        ops.Read(encoded, picture.Rows.Span(picture.TilesDone * perTile, encoded.Rows));
        picture.TilesDone += count;
        metrics.Tiles(count);
        Finish(picture, picture.TilesDone == all);
    }

    private void EncodeAll(StoredPicture picture, PictureSight sight)
    {
        using var scope = ops.Scope();
        var encoded = new List<(Tensor Rows, int Tiles)>(picture.Images.Count);
        foreach (var image in picture.Images)
        {
            using var one = ops.Scope();
            var pixels = ops.Upload(image.Pixels, image.Pixels.Length / tokens.TileSize, tokens.TileSize);
            encoded.Add((ops.Keep(_reader!.EncodePicture(pixels, image.GridRows, image.GridColumns)), image.GridRows * image.GridColumns));
            metrics.Tiles(image.GridRows * image.GridColumns);
        }

        picture.Memory = PictureMemory.Create(ops, _reader!, sight, encoded, keep: true);
        memory.Count(picture.Bytes);
        Finish(picture, isComplete: true);
    }

    private static void Finish(StoredPicture picture, bool isComplete)
    {
        picture.IsComplete = isComplete;
        if (isComplete)
        {
            picture.Images = [];
        }
    }
}
