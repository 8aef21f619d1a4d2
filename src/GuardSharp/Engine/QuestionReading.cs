namespace GuardSharp.Engine;

/// <summary>A question whose continuations are being read: first what several begin with, then the rest of each. Belongs to the engine's thread.</summary>
internal sealed class QuestionReading(NextLogitsJob job, CacheMemory memory)
{
    // A verdict expands 16 lists; whoever asks for more at length shall not fill the memory.
    private const int MostBranches = 64;

    private readonly List<Piece> _stems = [];
    private readonly List<Piece> _pieces = [];

    public NextLogitsJob Job { get; } = job;

    /// <summary>What is read first.</summary>
    public IReadOnlyList<Piece> Stems => _stems;

    /// <summary>What is read behind it.</summary>
    public IReadOnlyList<Piece> Pieces => _pieces;

    /// <summary>Why it cannot be answered.</summary>
    public Exception? Error { get; private set; }

    /// <summary>Makes the caches of the stems.</summary>
    public void Begin() => Make(() =>
    {
        var prompt = Job.Session.Cache!;
        foreach (var (ids, lastRows) in Job.Plan.Stems)
        {
            _stems.Add(new Piece(memory.Create(ids.Length, prompt, prompt.Length), ids, Job.Session.Pictures, 0, lastRows));
        }
    });

    /// <summary>Makes the caches of the rest, which stand on the stems that were read.</summary>
    public void Continue() => Make(() =>
    {
        Error ??= _stems.Find(stem => stem.Error is not null)?.Error;
        var session = Job.Session;
        foreach (var planned in Error is null ? Job.Plan.Read : [])
        {
            var below = planned.Stem >= 0 ? _stems[planned.Stem].Cache : planned.Branch >= 0 ? session.Branches[planned.Branch].Cache : session.Cache!;
            var cache = memory.Create(planned.Rest.Length, below, session.Cache!.Length + planned.Start);
            _pieces.Add(new Piece(cache, planned.Rest, session.Pictures, 0, planned.LastRows));
        }
    });

    /// <summary>Hands the rows on and leaves the caches to the session, or frees them and fails.</summary>
    public void End(AnswerBatch answers)
    {
        if ((Error ?? _pieces.Find(piece => piece.Error is not null)?.Error) is { } error)
        {
            Free();
            Job.Fail(error);
            return;
        }

        Keep();
        answers.Add(Job.Plan.RowsOf(Job.Session.LastRow, _stems, _pieces), Job.Tokens, Job.Complete, Job.Fail);
    }

    private void Make(Action caches)
    {
        try
        {
            caches();
        }
        catch (Exception error)
        {
            // Out of memory: this question fails, its neighbours go on.
            Error = error;
            _pieces.ForEach(piece => memory.Free(piece.Cache));
            _pieces.Clear();
        }
    }

    private void Keep()
    {
        var branches = Job.Session.Branches;
        if (branches.Count > MostBranches)
        {
            Free();
            return;
        }

        branches.AddRange(Job.Plan.Stems.Zip(_stems, (stem, piece) => new Branch(stem.Ids, piece.Cache)));
        branches.AddRange(Job.Plan.Read.Zip(_pieces, (planned, piece) => new Branch(planned.Ids, piece.Cache)));
    }

    private void Free()
    {
        // What stands on a stem first.
        _pieces.ForEach(piece => memory.Free(piece.Cache));
        _stems.ForEach(stem => memory.Free(stem.Cache));
    }
}
