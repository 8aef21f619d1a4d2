using GuardSharp.Tensors;

namespace GuardSharp.Models;

/// <summary>
/// The pictures of one sequence as cross-attention reads them: first the rows of the tiles that hold a picture, picture by picture, then those
/// of the empty tiles, which only tokens before the first picture read (model note M4).
/// </summary>
/// <remarks>Order is free, for cross-attention knows no positions; this one makes all that a token sees neighbouring rows.</remarks>
internal sealed class PictureMemory : IDisposable
{
    private readonly int[] _firstRows;

    private PictureMemory(PictureSight sight, int[] firstRows, Tensor? encoded, KvCache? cache)
    {
        _firstRows = firstRows;
        (Sight, Encoded, Cache) = (sight, encoded, cache);
    }

    /// <summary>Which tokens see which pictures.</summary>
    public PictureSight Sight { get; }

    /// <summary>The rows, when keys and values are computed in every pass; they live as long as the scope they were made in.</summary>
    public Tensor? Encoded { get; }

    /// <summary>Keys and values of the rows, when they are kept.</summary>
    public KvCache? Cache { get; }

    /// <summary>Orders encoded pictures.</summary>
    /// <param name="ops">The backend.</param>
    /// <param name="network">The network that encoded them.</param>
    /// <param name="sight">Which tokens see which of them.</param>
    /// <param name="pictures">Each picture's rows and the number of tiles that hold it.</param>
    /// <param name="keep">True: compute keys and values now and keep them. False: in every pass, so that gradients flow.</param>
    public static PictureMemory Create(
        ITensorOps ops, ICrossAttentionNetwork network, PictureSight sight, IReadOnlyList<(Tensor Encoded, int Tiles)> pictures, bool keep)
    {
        if (pictures.Count != sight.Pictures)
        {
            throw new ArgumentException($"The prompt has {sight.Pictures} image tokens, but {pictures.Count} pictures were given.", nameof(pictures));
        }

        var firstRows = new int[pictures.Count + 1];
        for (var i = 0; i < pictures.Count; i++)
        {
            firstRows[i + 1] = firstRows[i] + (pictures[i].Tiles * network.RowsPerTile);
        }

        if (!keep)
        {
            return new PictureMemory(sight, firstRows, Ordered(ops, network, pictures), null);
        }

        using var scope = ops.Scope();
        var rows = Ordered(ops, network, pictures);
        var cache = ops.CreateCache(network.CrossLayers, network.Shape.KeyColumns, rows.Rows, heads: network.Shape.KeyHeads);
        try
        {
            network.Remember(rows, cache);
        }
        catch
        {
            cache.Dispose();
            throw;
        }

        return new PictureMemory(sight, firstRows, null, cache);
    }

    /// <summary>The same pictures as another sequence sees them. Shares the memory of this one, which has to outlive it and alone is disposed.</summary>
    public PictureMemory For(PictureSight sight) => sight.Pictures == Sight.Pictures
        ? new PictureMemory(sight, _firstRows, Encoded, Cache)
        : throw new ArgumentException($"The prompt has {sight.Pictures} image tokens, but {Sight.Pictures} pictures were given.", nameof(sight));

    /// <summary>The rows that a run of tokens sees.</summary>
    public CacheWindow Window(SightRun run) => run.Pictures == 0
        ? new CacheWindow(0, Encoded?.Rows ?? Cache!.Length)
        : new CacheWindow(_firstRows[run.FirstPicture], _firstRows[run.FirstPicture + run.Pictures] - _firstRows[run.FirstPicture]);

    public void Dispose() => Cache?.Dispose();

    private static Tensor Ordered(ITensorOps ops, ICrossAttentionNetwork network, IReadOnlyList<(Tensor Encoded, int Tiles)> pictures)
    {
        if (pictures.Count == 1)
        {
            return pictures[0].Encoded;
        }

        var all = pictures[0].Encoded;
        var (real, empty, first) = (new List<int>(), new List<int>(), 0);
        for (var i = 0; i < pictures.Count; i++)
        {
            all = i == 0 ? all : ops.ConcatRows(all, pictures[i].Encoded);
            var filled = pictures[i].Tiles * network.RowsPerTile;
            real.AddRange(Enumerable.Range(first, filled));
            empty.AddRange(Enumerable.Range(first + filled, pictures[i].Encoded.Rows - filled));
            first += pictures[i].Encoded.Rows;
        }

        return ops.GatherRows(all, [.. real, .. empty]);
    }
}
