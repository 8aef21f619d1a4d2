using GuardSharp.Models;
using GuardSharp.Tensors;

namespace GuardSharp.Engine;

/// <summary>Turns jobs into forward passes, each made of pieces of several prompts and of answers. Belongs to the engine's thread.</summary>
internal sealed class EngineWorker : IDisposable
{
    private readonly ITensorOps _ops;
    private readonly EngineOptions _options;
    private readonly EngineMetrics _metrics;
    private readonly CacheMemory _memory;
    private readonly PromptCache _prompts;
    private readonly PictureStore _pictures;
    private readonly PassRunner _passes;
    private readonly ReadingQueue _readings;
    private readonly List<NextLogitsJob> _questions = [];

    public EngineWorker(ITensorOps ops, IGuardNetwork network, TileTokens images, EngineOptions options, EngineMetrics metrics)
    {
        (_ops, _options, _metrics) = (ops, options, metrics);
        _memory = new CacheMemory(ops, network.Shape);
        _prompts = new PromptCache(_memory, options);
        _pictures = new PictureStore(ops, network, images, options, _memory, metrics);
        _passes = new PassRunner(ops, network, images, metrics);
        _readings = new ReadingQueue(_prompts, _pictures, _memory, images.PatchToken, metrics);
    }

    /// <summary>Bytes of memory by use; "live" is everything. Safe from any thread.</summary>
    public IEnumerable<(string Cache, long Bytes)> CacheBytes =>
        [("live", _memory.Bytes), ("conversation", _prompts.ConversationBytes), ("image", _pictures.IdleBytes)];

    /// <summary>Bytes of all living caches. Safe from any thread.</summary>
    public long LiveBytes => _memory.Bytes;

    /// <summary>Whether there is nothing to compute.</summary>
    public bool IsIdle => _readings.Count == 0 && _questions.Count == 0;

    /// <summary>Whether the keys and values of a prompt's prefix may be shared. Safe from any thread.</summary>
    public bool MaySharePrefix(EncodedPrompt prompt) => _pictures.MaySharePrefix(prompt);

    /// <summary>Takes a job over, to be completed by later steps.</summary>
    public void Add(EngineJob job)
    {
        if (job is ReadPromptJob read)
        {
            _readings.Add(read);
        }
        else if (job is NextLogitsJob question)
        {
            _questions.Add(question);
        }
    }

    /// <summary>Frees what nobody waits for, runs one pass, and completes the jobs that are done by it.</summary>
    public void Step()
    {
        _readings.DropGivenUp();
        DropQuestions();
        if (IsIdle)
        {
            return;
        }

        using var scope = _ops.Scope();
        var questions = TakeQuestions();
        try
        {
            _readings.EncodePictures();
            Run(questions);
        }
        catch (Exception error)
        {
            // Errors of single jobs were dealt with; of others, such as one of a listener to metrics, nobody may wait forever.
            questions.ForEach(question => question.Job.Fail(error));
            Abandon(() => error);
        }
    }

    /// <summary>Takes back what a session holds: its keys and values are kept for the conversation's next turn, or freed.</summary>
    public void Free(PromptSession session)
    {
        if (session.Cache is { } cache && session.Below is { } below)
        {
            // What stands on others first.
            for (var i = session.Branches.Count - 1; i >= 0; i--)
            {
                _memory.Free(session.Branches[i].Cache);
            }

            session.Branches.Clear();
            try
            {
                _prompts.Keep(below, session.Keys, cache, session.IsCancelled ? 0 : session.Reusable);
            }
            catch (OutOfMemoryException)
            {
                // There is no room for the copy: it is not kept.
                _memory.Free(cache);
            }

            _prompts.Release(below);
            _pictures.Release(session.Pictures);
            (session.Cache, session.Below, session.Pictures) = (null, null, null);
        }
    }

    /// <summary>Frees what was not used for too long. Returns how long the next entry has still to live; null where there is none.</summary>
    public TimeSpan? Expire()
    {
        var (prompt, picture) = (_prompts.Expire(), _pictures.Expire());
        return prompt is null || picture < prompt ? picture : prompt;
    }

    /// <summary>Fails all work that is not done.</summary>
    public void Abandon(Func<Exception> error)
    {
        _readings.FailAll(error);
        _questions.ForEach(question => question.Fail(error()));
        _questions.Clear();
    }

    public void Dispose()
    {
        _prompts.Dispose();
        _pictures.Dispose();
        _ops.Dispose();
    }

    private void Run(List<QuestionReading> questions)
    {
        var rows = questions.Sum(question => question.Job.Plan.Rows);
        var readings = rows < _options.MaxBatchTokens ? _readings.Choose(_options.MaxBatchTokens - rows) : [];
        questions.ForEach(question => question.Begin());
        RunPasses([.. questions.SelectMany(question => question.Stems)]);
        questions.ForEach(question => question.Continue());
        RunPasses([.. questions.SelectMany(question => question.Pieces), .. readings.Select(reading => reading.Piece)]);
        var answers = new AnswerBatch(_passes);
        questions.ForEach(question => question.End(answers));

        foreach (var reading in _readings.Advance(readings))
        {
            try
            {
                Finish(answers, reading);
            }
            catch (Exception error)
            {
                reading.Job!.Fail(error);
            }
        }

        answers.Run();
    }

    private void DropQuestions() => _questions.RemoveAll(question =>
    {
        if (question.Cancellation.IsCancellationRequested)
        {
            question.Cancel();
            return true;
        }

        // A session cancelled by its owner may still have a job behind it; its cache is gone then.
        if (question.Session.Cache is null)
        {
            question.Fail(new ObjectDisposedException(nameof(PromptSession)));
            return true;
        }

        return false;
    });

    /// <summary>Questions that fit one pass, at least one of them: they end verdicts, so they come before prompts.</summary>
    private List<QuestionReading> TakeQuestions()
    {
        var (count, rows) = (0, 0);
        while (count < _questions.Count && (count == 0 || rows + _questions[count].Plan.Rows <= _options.MaxBatchTokens))
        {
            rows += _questions[count++].Plan.Rows;
        }

        var taken = _questions.GetRange(0, count);
        _questions.RemoveRange(0, count);
        return [.. taken.Select(job => new QuestionReading(job, _memory))];
    }

    private void Finish(AnswerBatch answers, PromptReading reading)
    {
        var job = reading.Job!;
        _metrics.PromptRead(reading.Waited, reading.Cache!.OwnLength, reading.Cache.Start);
        if (job.Tokens is not { } tokens)
        {
            job.Complete();
            return;
        }

        answers.Add(
            [job.Session.LastRow],
            tokens,
            logits =>
            {
                job.Session.FirstLogits = logits[0];
                job.Complete();
            },
            job.Fail);
    }

    private void RunPasses(List<Piece> pieces)
    {
        foreach (var pass in InPasses(pieces))
        {
            _passes.Run(pass);
        }
    }

    /// <summary>Groups of pieces that fit one pass; more than one only where a single question is larger.</summary>
    private IEnumerable<List<Piece>> InPasses(List<Piece> pieces)
    {
        var group = new List<Piece>();
        var rows = 0;
        foreach (var piece in pieces)
        {
            if (rows + piece.Ids.Length > _options.MaxBatchTokens && group.Count > 0)
            {
                yield return group;
                (group, rows) = ([], 0);
            }

            group.Add(piece);
            rows += piece.Ids.Length;
        }

        if (group.Count > 0)
        {
            yield return group;
        }
    }
}
