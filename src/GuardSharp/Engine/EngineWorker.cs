using System.Diagnostics;
using System.Runtime.InteropServices;
using GuardSharp.Models;
using GuardSharp.Tensors;

namespace GuardSharp.Engine;

/// <summary>Turns jobs into forward passes. Belongs to the engine's thread.</summary>
internal sealed class EngineWorker(ITensorOps ops, IGuardNetwork network, TileTokens images, EngineOptions options) : IDisposable
{
    private readonly PrefixCache _prefixes = new(options.CachedPrefixes);
    private readonly PictureEncoder _pictures = new(ops, network, images, options);

    /// <summary>Whether the keys and values of a prompt's prefix may be shared. Safe from any thread.</summary>
    public bool MaySharePrefix(EncodedPrompt prompt) => _pictures.MaySharePrefix(prompt);

    /// <summary>Runs jobs together. Either all of them complete, or none does and the error is thrown.</summary>
    public void Run(IReadOnlyList<EngineJob> jobs)
    {
        using var scope = ops.Scope();
        var prompts = jobs.OfType<ReadPromptJob>().ToList();
        if (prompts.Count > 0)
        {
            ReadPrompts(prompts);
        }

        var questions = jobs.OfType<NextLogitsJob>().ToList();
        var answers = questions.Count > 0 ? Answer(questions) : [];
        prompts.ForEach(p => p.Complete());
        for (var i = 0; i < questions.Count; i++)
        {
            questions[i].Complete(answers[i]);
        }
    }

    /// <summary>Frees what a session holds.</summary>
    public void Free(PromptSession session)
    {
        session.Cache?.Dispose();
        session.Cache = null;
        session.Pictures?.Dispose();
        session.Pictures = null;
        if (session.Prefix is { } prefix)
        {
            prefix.Users--;
            session.Prefix = null;
            _prefixes.Trim();
        }
    }

    public void Dispose()
    {
        _prefixes.Dispose();
        ops.Dispose();
    }

    private void ReadPrompts(List<ReadPromptJob> jobs)
    {
        foreach (var job in jobs)
        {
            Free(job.Session);
            job.Session.Queued = Stopwatch.GetElapsedTime(job.Enqueued);
            job.Session.Prefix = PrefixOf(job.Prompt);
            job.Session.Cache = NewCache(job.Prompt.Rest.Length, job.Session.Prefix?.Cache);
            job.Session.Pictures = _pictures.Remember(job.Prompt);
        }

        foreach (var group in InPasses(jobs))
        {
            var rows = Feed([.. group.Select(j => new Piece(j.Session.Cache!, j.Prompt.Rest, _pictures.Patches(j.Prompt.Images), j.Session.Pictures))]);
            for (var i = 0; i < group.Count; i++)
            {
                group[i].Session.LastRow = rows[i];
            }
        }
    }

    /// <summary>Groups of prompts that fit one pass.</summary>
    private IEnumerable<List<ReadPromptJob>> InPasses(List<ReadPromptJob> jobs)
    {
        var group = new List<ReadPromptJob>();
        var rows = 0;
        foreach (var job in jobs)
        {
            if (rows + job.Rows > options.MaxBatchTokens && group.Count > 0)
            {
                yield return group;
                group = [];
                rows = 0;
            }

            group.Add(job);
            rows += job.Rows;
        }

        if (group.Count > 0)
        {
            yield return group;
        }
    }

    private PrefixEntry? PrefixOf(EncodedPrompt prompt)
    {
        if (prompt.Prefix.Length == 0)
        {
            return null;
        }

        var entry = _prefixes.Find(prompt.Prefix);
        if (entry is null)
        {
            var cache = NewCache(prompt.Prefix.Length, null);
            try
            {
                Feed([new Piece(cache, prompt.Prefix, null, null)]);
            }
            catch
            {
                cache.Dispose();
                throw;
            }

            entry = _prefixes.Add(prompt.Prefix, cache);
        }

        entry.Users++;
        return entry;
    }

    private float[][][] Answer(List<NextLogitsJob> jobs)
    {
        // A session cancelled by its owner may still have a job behind it; its cache is gone then.
        var pieces = new List<Piece>();
        try
        {
            foreach (var job in jobs)
            {
                var cache = job.Session.Cache ?? throw new ObjectDisposedException(nameof(PromptSession));
                foreach (var continuation in job.Continuations.Where(c => c.Length > 0))
                {
                    pieces.Add(new Piece(NewCache(continuation.Length, cache), continuation, null, job.Session.Pictures));
                }
            }

            var rows = pieces.Count > 0 ? Feed(pieces) : [];
            var next = 0;
            return [.. jobs.Select(job => Logits(job, [.. job.Continuations.Select(c => c.Length > 0 ? rows[next++] : job.Session.LastRow)]))];
        }
        finally
        {
            pieces.ForEach(p => p.Cache.Dispose());
        }
    }

    private float[][] Logits(NextLogitsJob job, float[][] rows)
    {
        var hidden = network.Shape.HiddenSize;
        var all = new float[rows.Length * hidden];
        for (var i = 0; i < rows.Length; i++)
        {
            rows[i].CopyTo(all, i * hidden);
        }

        var logits = network.Logits(ops.Upload(all, rows.Length, hidden), job.Tokens);
        var values = new float[logits.Length];
        ops.Read(logits, values);
        return [.. values.Chunk(logits.Columns)];
    }

    /// <summary>Appends ids to caches; the final, normed row of each sequence's last token. A lone long sequence runs in several passes.</summary>
    private float[][] Feed(IReadOnlyList<Piece> pieces)
    {
        if (pieces.Count > 1 || pieces[0].Ids.Length <= options.MaxBatchTokens)
        {
            return Pass(pieces);
        }

        var (cache, ids, patches, pictures) = pieces[0];
        float[][] last = [];
        var patch = 0;
        for (var start = 0; start < ids.Length; start += options.MaxBatchTokens)
        {
            var part = ids[start..Math.Min(ids.Length, start + options.MaxBatchTokens)];
            var inPart = part.Count(id => id == images.PatchToken);
            using var scope = ops.Scope();
            var inPlace = patches is { } all && inPart > 0 ? ops.GatherRows(all, [.. Enumerable.Range(patch, inPart)]) : default(Tensor?);
            last = Pass([new Piece(cache, part, inPlace, pictures)]);
            patch += inPart;
        }

        return last;
    }

    private float[][] Pass(IReadOnlyList<Piece> pieces)
    {
        using var scope = ops.Scope();
        var ids = new List<int>();
        var sequences = new SequenceSpan[pieces.Count];
        var last = new int[pieces.Count];
        for (var i = 0; i < pieces.Count; i++)
        {
            sequences[i] = SequenceSpan.Self(ids.Count, pieces[i].Ids.Length, pieces[i].Cache);
            ids.AddRange(pieces[i].Ids);
            last[i] = ids.Count - 1;
        }

        var reading = _pictures.Reading(sequences, [.. pieces.Select(piece => piece.Pictures)]);
        var hidden = ForwardPass.Run(ops, network, Embed(CollectionsMarshal.AsSpan(ids), pieces), sequences, reading, last);
        var final = network.Final(hidden, [.. Enumerable.Range(0, last.Length)]);
        var values = new float[final.Length];
        ops.Read(final, values);
        return [.. values.Chunk(final.Columns)];
    }

    /// <summary>Embeddings of all rows, image tokens replaced by encoded patches: [N, hidden].</summary>
    private Tensor Embed(ReadOnlySpan<int> ids, IReadOnlyList<Piece> pieces)
    {
        var text = network.Embed(ids);
        Tensor? patches = null;
        foreach (var piece in pieces.Where(p => p.Patches is not null))
        {
            patches = patches is { } before ? ops.ConcatRows(before, piece.Patches!.Value) : piece.Patches;
        }

        if (patches is not { } all)
        {
            return text;
        }

        var places = new List<int>(all.Rows);
        for (var i = 0; i < ids.Length; i++)
        {
            if (ids[i] == images.PatchToken)
            {
                places.Add(i);
            }
        }

        return places.Count == all.Rows
            ? ops.ScatterRows(text, CollectionsMarshal.AsSpan(places), all)
            : throw new ArgumentException($"The prompts have {places.Count} image tokens, their images give {all.Rows}.");
    }

    private KvCache NewCache(int capacity, KvCache? parent) =>
        ops.CreateCache(network.Shape.Layers, network.Shape.KeyColumns, capacity, parent);

    /// <summary>Ids to be appended to a cache, what stands in place of their image tokens, and what cross-attention reads beside them.</summary>
    private readonly record struct Piece(KvCache Cache, int[] Ids, Tensor? Patches, PictureMemory? Pictures);
}
