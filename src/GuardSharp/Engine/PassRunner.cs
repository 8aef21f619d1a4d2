using System.Runtime.InteropServices;
using GuardSharp.Models;
using GuardSharp.Tensors;

namespace GuardSharp.Engine;

/// <summary>A sequence's part of a pass: ids that are appended to a cache.</summary>
/// <param name="cache">The cache.</param>
/// <param name="ids">The ids.</param>
/// <param name="pictures">The prompt's pictures.</param>
/// <param name="firstPatch">Image tokens before these ids.</param>
/// <param name="lastRows">How many rows are read, counted from the last.</param>
internal sealed class Piece(KvCache cache, ReadOnlyMemory<int> ids, PromptPictures? pictures, int firstPatch, int lastRows = 1)
{
    public KvCache Cache { get; } = cache;

    public ReadOnlyMemory<int> Ids { get; } = ids;

    public PromptPictures? Pictures { get; } = pictures;

    public int FirstPatch { get; } = firstPatch;

    public int LastRows { get; } = lastRows;

    /// <summary>The final, normed rows of its last tokens, once run.</summary>
    public float[][] Rows { get; set; } = [];

    /// <summary>Why it could not be run.</summary>
    public Exception? Error { get; set; }
}

/// <summary>Runs pieces through the network. Belongs to the engine's thread.</summary>
internal sealed class PassRunner(ITensorOps ops, IGuardNetwork network, TileTokens tokens, EngineMetrics metrics)
{
    /// <summary>Runs pieces in one pass. Where it fails each runs again alone and keeps its own error: a bad one must not fail its neighbours.</summary>
    public void Run(IReadOnlyList<Piece> pieces)
    {
        try
        {
            Pass(pieces);
        }
        catch (Exception) when (pieces.Count > 1)
        {
            foreach (var piece in pieces)
            {
                Run([piece]);
            }
        }
        catch (Exception error)
        {
            pieces[0].Error = error;
        }
    }

    /// <summary>Logits of final rows.</summary>
    /// <param name="rows">Rows as <see cref="Piece.Rows"/> has them; at least one.</param>
    /// <param name="wanted">Tokens whose logits are wanted; empty: the whole vocabulary.</param>
    public float[][] Logits(IReadOnlyList<float[]> rows, int[] wanted)
    {
        using var scope = ops.Scope();
        var hidden = network.Shape.HiddenSize;
        var all = new float[rows.Count * hidden];
        for (var i = 0; i < rows.Count; i++)
        {
            rows[i].CopyTo(all, i * hidden);
        }

        var logits = network.Logits(ops.Upload(all, rows.Count, hidden), wanted);
        var values = new float[logits.Length];
        ops.Read(logits, values);
        return rows.Count == 1 ? [values] : [.. values.Chunk(logits.Columns)];
    }

    private void Pass(IReadOnlyList<Piece> pieces)
    {
        using var scope = ops.Scope();
        var ids = new List<int>();
        var sequences = new SequenceSpan[pieces.Count];
        for (var i = 0; i < pieces.Count; i++)
        {
            sequences[i] = SequenceSpan.Self(ids.Count, pieces[i].Ids.Length, pieces[i].Cache);
            ids.AddRange(pieces[i].Ids.Span);
        }

        var started = metrics.Start();
        var reading = network is ICrossAttentionNetwork reader
            ? PictureReading.Of(ops, reader, sequences, [.. pieces.Select(piece => piece.Pictures?.Memory)])
            : null;
        int[] lengths = [.. pieces.Select(piece => piece.Cache.OwnLength)], lastRows = [.. pieces.Select(piece => piece.LastRows)];
        try
        {
            var hidden = ForwardPass.Run(ops, network, Embed(CollectionsMarshal.AsSpan(ids), pieces), sequences, reading, lastRows);
            var final = network.Final(hidden, [.. Enumerable.Range(0, hidden.Rows)]);
            var values = new float[final.Length];
            ops.Read(final, values);
            var rows = values.Chunk(final.Columns).ToArray();
            var next = 0;
            foreach (var piece in pieces)
            {
                piece.Rows = rows[next..(next += piece.LastRows)];
            }
        }
        catch
        {
            // Nothing of a failed pass stays behind.
            for (var i = 0; i < pieces.Count; i++)
            {
                pieces[i].Cache.Truncate(lengths[i]);
            }

            throw;
        }

        metrics.Pass(ids.Count, started);
    }

    /// <summary>Embeddings of all rows, image tokens replaced by encoded patches: [N, hidden].</summary>
    private Tensor Embed(ReadOnlySpan<int> ids, IReadOnlyList<Piece> pieces)
    {
        var text = network.Embed(ids);
        var places = new List<int>();
        var patches = new List<float>();
        var row = 0;
        foreach (var piece in pieces)
        {
            if (piece.Pictures is { Sight: null } pictures)
            {
                var before = places.Count;
                for (var i = 0; i < piece.Ids.Length; i++)
                {
                    if (piece.Ids.Span[i] == tokens.PatchToken)
                    {
                        places.Add(row + i);
                    }
                }

                Append(pictures, piece.FirstPatch, places.Count - before, patches);
            }

            row += piece.Ids.Length;
        }

        return places.Count == 0
            ? text
            : ops.ScatterRows(text, CollectionsMarshal.AsSpan(places), ops.Upload(CollectionsMarshal.AsSpan(patches), places.Count, text.Columns));
    }

    /// <summary>Appends rows of a prompt's encoded pictures, which lie one behind the other.</summary>
    private static void Append(PromptPictures pictures, int first, int count, List<float> patches)
    {
        foreach (var picture in pictures.Stored)
        {
            var rows = picture.Rows!;
            var taken = Math.Clamp(rows.Rows - first, 0, count);
            if (taken > 0)
            {
                patches.AddRange(rows.Span(first, taken));
            }

            (first, count) = (Math.Max(0, first - rows.Rows), count - taken);
        }
    }
}
