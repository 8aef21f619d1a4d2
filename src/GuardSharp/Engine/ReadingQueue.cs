namespace GuardSharp.Engine;

/// <summary>The prompts that wait or are being read, in the order of their arrival, policies that they wait for before them. Belongs to the engine's thread.</summary>
internal sealed class ReadingQueue(PromptCache prompts, PictureStore pictures, CacheMemory memory, int patchToken, EngineMetrics metrics)
{
    private readonly List<PromptReading> _readings = [];

    /// <summary>How many there are.</summary>
    public int Count => _readings.Count;

    /// <summary>Takes a prompt over.</summary>
    public void Add(ReadPromptJob job)
    {
        PromptReading? reading = null;
        try
        {
            var ids = job.Prompt.AllIds();
            reading = new PromptReading(job, ids, pictures.KeysOf(ids, job.Prompt.Images)) { Pictures = pictures.Hold(job.Prompt, ids) };
            StandOnPolicy(reading, job.Prompt.Prefix);
            _readings.Add(reading);
        }
        catch (Exception error)
        {
            Leave(reading);
            job.Fail(error);
        }
    }

    /// <summary>Frees prompts that nobody waits for, and policies that no prompt waits for any more.</summary>
    public void DropGivenUp()
    {
        if (!_readings.Exists(reading => reading.IsGivenUp))
        {
            return;
        }

        foreach (var reading in _readings.FindAll(reading => reading.IsGivenUp))
        {
            reading.Job!.Cancel();
            Remove(reading);
        }

        foreach (var policy in _readings.FindAll(reading => reading.Job is null && !_readings.Exists(other => other.WaitsFor == reading)))
        {
            Remove(policy);
        }
    }

    /// <summary>Encodes a few tiles for the prompt that waits longest for some.</summary>
    public void EncodePictures()
    {
        if (_readings.Find(reading => reading.Pictures is { AreComplete: false }) is not { } reading)
        {
            return;
        }

        try
        {
            pictures.Encode(reading.Pictures!);
        }
        catch (Exception error)
        {
            Fail(reading, error);
        }
    }

    /// <summary>Chooses the prompts' parts of the next pass.</summary>
    /// <param name="budget">Rows of the pass; at least 1.</param>
    public List<(PromptReading Reading, Piece Piece)> Choose(int budget)
    {
        var chosen = new List<(PromptReading, Piece)>();
        foreach (var (reading, rows) in PassPlan.Choose(_readings.FindAll(reading => reading.IsReady), budget))
        {
            try
            {
                if (reading.Cache is null)
                {
                    Begin(reading);
                }

                var start = reading.Done;
                // More may be known meanwhile than when the pass was planned.
                var part = reading.Ids.AsMemory(start, Math.Min(rows, reading.Remaining));
                chosen.Add((reading, new Piece(reading.Cache!, part, reading.Pictures, reading.Ids.AsSpan(0, start).Count(patchToken))));
            }
            catch (Exception error)
            {
                Fail(reading, error);
            }
        }

        return chosen;
    }

    /// <summary>Takes the results of a pass. Returns the prompts that are read to their end; they leave the queue, and their sessions own what was read.</summary>
    public List<PromptReading> Advance(List<(PromptReading Reading, Piece Piece)> parts)
    {
        var finished = new List<PromptReading>();
        foreach (var (reading, piece) in parts)
        {
            if (piece.Error is not null)
            {
                Fail(reading, piece.Error);
            }
            else if (reading.Remaining == 0 && reading.Job is { } job)
            {
                _readings.Remove(reading);
                (job.Session.Keys, job.Session.Cache, job.Session.Below) = (reading.Keys, reading.Cache, reading.Below);
                (job.Session.Pictures, job.Session.LastRow) = (reading.Pictures, piece.Rows[^1]);
                finished.Add(reading);
            }
            else if (reading.Remaining == 0)
            {
                FinishPolicy(reading);
            }
        }

        return finished;
    }

    /// <summary>Fails all of them.</summary>
    public void FailAll(Func<Exception> error)
    {
        while (_readings.Count > 0)
        {
            Fail(_readings[^1], error());
        }
    }

    /// <summary>Stands on the longest beginning that is known, and makes room for the rest.</summary>
    private void Begin(PromptReading reading)
    {
        if (reading.Job is { } job)
        {
            // More may be known than when it came.
            Stand(reading, reading.Below!.Policy);
            metrics.ConversationLookup(hit: reading.Below.Parent is not null);
            job.Session.Queued = reading.Waited;
            metrics.QueueWait(reading.Waited);
            if (reading.Pictures is { } seen)
            {
                PictureStore.Complete(seen, reading.Ids.AsSpan().Count(patchToken));
            }
        }

        reading.Cache = memory.Create(reading.Remaining, reading.Below?.Cache, reading.Known);
    }

    /// <summary>Holds the longest known beginning, which so is still known when its turn comes.</summary>
    private void Stand(PromptReading reading, CachedPrompt policy)
    {
        var (found, length) = prompts.Find(policy, reading.Keys);
        PromptCache.Hold(found);
        if (reading.Below is { } before)
        {
            prompts.Release(before);
        }

        (reading.Below, reading.Known) = (found, length);
    }

    /// <summary>Finds the policy of a prompt; where it is not known it is read first, once for all prompts that wait for it.</summary>
    private void StandOnPolicy(PromptReading reading, int[] prefix)
    {
        var keys = reading.Keys[..prefix.Length];
        if (prompts.FindPolicy(keys) is { } policy)
        {
            Stand(reading, policy);
            metrics.PolicyLookup(hit: true);
            return;
        }

        reading.WaitsFor = _readings.Find(other => other.Job is null && other.Keys.AsSpan().SequenceEqual(keys));
        metrics.PolicyLookup(hit: reading.WaitsFor is not null);
        if (reading.WaitsFor is null)
        {
            _readings.Add(reading.WaitsFor = new PromptReading(null, prefix, keys));
        }
    }

    private void FinishPolicy(PromptReading reading)
    {
        var policy = prompts.AddPolicy(reading.Keys, reading.Cache!);
        _readings.Remove(reading);
        foreach (var waiting in _readings.FindAll(other => other.WaitsFor == reading))
        {
            waiting.WaitsFor = null;
            Stand(waiting, policy);
        }
    }

    private void Fail(PromptReading reading, Exception error)
    {
        reading.Job?.Fail(error);
        Remove(reading);
        if (reading.Job is null)
        {
            foreach (var waiting in _readings.FindAll(other => other.WaitsFor == reading))
            {
                Fail(waiting, error);
            }
        }
    }

    private void Remove(PromptReading reading)
    {
        _readings.Remove(reading);
        Leave(reading);
    }

    private void Leave(PromptReading? reading)
    {
        if (reading is null)
        {
            return;
        }

        memory.Free(reading.Cache);
        if (reading.Below is { } below)
        {
            prompts.Release(below);
        }

        pictures.Release(reading.Pictures);
        (reading.Cache, reading.Below, reading.Pictures) = (null, null, null);
    }
}
