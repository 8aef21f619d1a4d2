using GuardSharp.Tensors;

namespace GuardSharp.Models.Verification;

/// <summary>The largest difference of one recorded tensor.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Difference">Largest absolute difference; null when this network computes no such tensor.</param>
/// <param name="Exact">True for ids, where any difference is a failure.</param>
internal sealed record Comparison(string Name, float? Difference, bool Exact)
{
    /// <summary>Whether the difference is within the tolerance.</summary>
    public bool Within(float tolerance) => Difference is { } d && d <= (Exact ? 0 : tolerance);
}

/// <summary>Runs the inputs of a golden case and compares every recorded tensor: one pass without caches, then greedy decoding with them.</summary>
/// <param name="ops">The backend.</param>
/// <param name="network">The network, built on <paramref name="ops"/>.</param>
/// <param name="patchToken">Id of the tokens that encoded patches replace, or that stand for a picture read by cross-attention.</param>
/// <param name="tileSize">Side of a tile in pixels.</param>
/// <param name="grids">Grids of tiles in the order of their ids, where pictures are read by cross-attention.</param>
internal sealed class GoldenVerifier(
    ITensorOps ops, IGuardNetwork network, int patchToken, int tileSize, IReadOnlyList<(int Rows, int Columns)>? grids = null)
{
    /// <summary>Recorded logits of a network whose wholly masked rows are Meta's (model note M4); <c>logits</c> are those of Hugging Face.</summary>
    public const string MetaLogits = "logits_meta_row_mask";

    private readonly Dictionary<string, float[]> _seen = new(StringComparer.Ordinal);

    /// <summary>Compares every recorded tensor of the case.</summary>
    public IReadOnlyList<Comparison> Verify(GoldenCase golden)
    {
        _seen.Clear();
        using (ops.Scope())
        {
            ops.Observer = Record;
            try
            {
                RunWhole(golden);
            }
            finally
            {
                ops.Observer = null;
            }
        }

        if (golden.Expected.Any(t => t.Name == "generated_ids"))
        {
            using var scope = ops.Scope();
            Generate(golden);
        }

        // A mixture of experts and its pruned form share cases; the recorded name says whose logits they are.
        var isMixture = _seen.Keys.Any(n => n.StartsWith("router_logits", StringComparison.Ordinal));
        _seen[isMixture ? "logits_moe" : "logits_dense"] = _seen["logits"];
        _seen[MetaLogits] = _seen["logits"];
        return [.. golden.Expected.Select(Compare)];
    }

    private void Record(string name, Tensor tensor)
    {
        var values = new float[tensor.Length];
        ops.Read(tensor, values);
        // Pictures are encoded one after the other; fixtures hold them side by side.
        _seen[name] = name.StartsWith("vision.", StringComparison.Ordinal) && _seen.TryGetValue(name, out var before) ? [.. before, .. values] : values;
    }

    private void RunWhole(GoldenCase golden)
    {
        var sequences = new SequenceSpan[golden.Sequences.Count];
        var row = 0;
        for (var i = 0; i < sequences.Length; i++)
        {
            sequences[i] = SequenceSpan.Self(row, golden.Sequences[i].Length);
            row += golden.Sequences[i].Length;
        }

        var embeddings = Embed(golden);
        Record("hidden.embeds", embeddings);
        var memories = Remember(golden, keep: false);
        var hidden = ForwardPass.Run(ops, network, embeddings, sequences, Reading(sequences, memories));
        Record("logits", network.Logits(network.Final(hidden, [.. Enumerable.Range(0, row)]), []));
    }

    private static int IndexOfMax(ReadOnlySpan<float> values)
    {
        var best = 0;
        for (var i = 1; i < values.Length; i++)
        {
            best = values[i] > values[best] ? i : best;
        }

        return best;
    }

    private Tensor Embed(GoldenCase golden)
    {
        int[] ids = [.. golden.Sequences.SelectMany(s => s)];
        var text = network.Embed(ids);
        if (golden.Pixels.Length == 0 || network is ICrossAttentionNetwork)
        {
            return text;
        }

        var patches = network.EncodeTiles(ops.Upload(golden.Pixels, golden.Pixels.Length / tileSize, tileSize));
        int[] places = [.. Enumerable.Range(0, ids.Length).Where(i => ids[i] == patchToken)];
        return ops.ScatterRows(text, places, patches);
    }

    /// <summary>The pictures that cross-attention reads, for each sequence.</summary>
    private PictureMemory?[] Remember(GoldenCase golden, bool keep)
    {
        var memories = new PictureMemory?[golden.Sequences.Count];
        if (network is not ICrossAttentionNetwork reader || golden.Pixels.Length == 0)
        {
            return memories;
        }

        var length = golden.Pixels.Length / golden.GridIds.Count;
        var next = 0;
        for (var i = 0; i < memories.Length; i++)
        {
            var sight = new PictureSight(golden.Sequences[i], patchToken);
            var pictures = new List<(Tensor Encoded, int Tiles)>();
            for (var picture = 0; picture < sight.Pictures; picture++, next++)
            {
                var (rows, columns) = grids![golden.GridIds[next] - 1];
                var pixels = ops.Upload(golden.Pixels.AsSpan(next * length, length), length / tileSize, tileSize);
                pictures.Add((reader.EncodePicture(pixels, rows, columns), rows * columns));
            }

            memories[i] = pictures.Count == 0 ? null : PictureMemory.Create(ops, reader, sight, pictures, keep);
        }

        return memories;
    }

    private PictureReading? Reading(SequenceSpan[] sequences, PictureMemory?[] memories) =>
        network is ICrossAttentionNetwork reader ? PictureReading.Of(ops, reader, sequences, memories) : null;

    private void Generate(GoldenCase golden)
    {
        var steps = golden.Expected.First(t => t.Name == "generated_ids").Values.Length / golden.Sequences.Count;
        var vocabulary = network.Shape.VocabularySize;
        var caches = golden.Sequences
            .Select(s => ops.CreateCache(network.Shape.Layers, network.Shape.KeyColumns, s.Length + steps, heads: network.Shape.KeyHeads))
            .ToList();
        var ids = new float[caches.Count * steps];
        var logits = new float[caches.Count * steps * vocabulary];
        var inputs = Embed(golden);
        var memories = Remember(golden, keep: true);
        int[] counts = [.. golden.Sequences.Select(s => s.Length)];
        for (var step = 0; step < steps; step++)
        {
            var next = new int[caches.Count];
            var values = Step(inputs, counts, caches, memories);
            for (var i = 0; i < next.Length; i++)
            {
                var row = values.AsSpan(i * vocabulary, vocabulary);
                next[i] = IndexOfMax(row);
                ids[(i * steps) + step] = next[i];
                row.CopyTo(logits.AsSpan(((i * steps) + step) * vocabulary));
            }

            inputs = network.Embed(next);
            counts = [.. next.Select(_ => 1)];
        }

        caches.ForEach(c => c.Dispose());
        Array.ForEach(memories, memory => memory?.Dispose());
        _seen["generated_ids"] = ids;
        _seen["generated_logits"] = logits;
    }

    private float[] Step(Tensor inputs, int[] counts, List<KvCache> caches, PictureMemory?[] memories)
    {
        var sequences = new SequenceSpan[counts.Length];
        var last = new int[counts.Length];
        var row = 0;
        for (var i = 0; i < counts.Length; i++)
        {
            sequences[i] = SequenceSpan.Self(row, counts[i], caches[i]);
            row += counts[i];
            last[i] = row - 1;
        }

        var hidden = ForwardPass.Run(ops, network, inputs, sequences, Reading(sequences, memories));
        var logits = network.Logits(network.Final(hidden, last), []);
        var values = new float[logits.Length];
        ops.Read(logits, values);
        return values;
    }

    private Comparison Compare(GoldenTensor expected)
    {
        var exact = expected.Name.EndsWith("_ids", StringComparison.Ordinal);
        if (!_seen.TryGetValue(expected.Name, out var values))
        {
            return new Comparison(expected.Name, null, exact);
        }

        if (values.Length != expected.Values.Length)
        {
            return new Comparison(expected.Name, float.PositiveInfinity, exact);
        }

        var largest = 0f;
        for (var i = 0; i < values.Length; i++)
        {
            var difference = MathF.Abs(values[i] - expected.Values[i]);
            // A NaN is as wrong as can be and must not hide behind a comparison.
            largest = float.IsNaN(difference) ? float.PositiveInfinity : MathF.Max(largest, difference);
        }

        return new Comparison(expected.Name, largest, exact);
    }
}
