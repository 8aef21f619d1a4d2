using System.Buffers;
using GuardSharp.Conversations;
using GuardSharp.Extensions.AI.Judging;

namespace GuardSharp.Extensions.AI.Streaming;

/// <summary>One message of an answer while it grows: says up to where it is judged safe.</summary>
/// <remarks>
/// Positions are characters of all its text; what is judged as a whole counts as one. Knows nothing about updates. An unsafe beginning holds
/// the rest back but decides nothing, unless the options name a probability to stop at: the verdict on the whole message does, so that a
/// message ends in the same verdict however it arrived. Not safe for several threads.
/// </remarks>
internal sealed class PrefixGuard(ChatJudge judge, TurnList context)
{
    // Stands for what is judged as a whole, where positions are found.
    private const char Placeholder = '\uFFFC';

    private readonly ArrayBufferWriter<char> _text = new();
    private readonly List<Run> _runs = [];
    private int _boundary;
    private (int Position, Judged Judged) _last;

    /// <summary>The position up to which it may be released.</summary>
    public int Released { get; private set; }

    /// <summary>Its length so far.</summary>
    public int Length => _text.WrittenCount;

    /// <summary>The latest judgement that let something pass.</summary>
    public Judged Latest => _last.Judged;

    /// <summary>Adds text.</summary>
    /// <param name="role">Who speaks.</param>
    /// <param name="text">The text.</param>
    /// <param name="reasoning">Whether it is reasoning: text of another kind is a part of its own.</param>
    public void Append(Role role, string text, bool reasoning)
    {
        if (_runs.Count == 0 || _runs[^1].Parts is not null || _runs[^1].Reasoning != reasoning)
            _runs.Add(new Run(Length, role, reasoning, null));
        _text.Write(text);
    }

    /// <summary>Adds what is judged as a whole.</summary>
    public void Append(Role role, IReadOnlyList<SpokenPart> parts)
    {
        _runs.Add(new Run(Length, role, false, parts));
        _text.Write([Placeholder]);
    }

    /// <summary>Judges at the positions that have been reached, if there are new ones.</summary>
    /// <returns>Why it is over; null: it goes on.</returns>
    public async ValueTask<BlockedChat?> AdvanceAsync(CancellationToken cancellationToken)
    {
        while (NextBoundary() is var position and >= 0)
        {
            _boundary = position;
            if (TurnsTo(position) is not { } turns)
                continue;
            var judged = await judge.JudgeAsync(turns, GuardStage.Output, cancellationToken).ConfigureAwait(false);
            if (judged.Passes)
                Pass(position, judged);
            else if (EndsStream(judged.Block!))
                return judged.Block;
        }

        return null;
    }

    /// <summary>Judges the whole message, now that it is complete.</summary>
    /// <returns>Why it is over; null: all of it may be released.</returns>
    public async ValueTask<BlockedChat?> CompleteAsync(CancellationToken cancellationToken)
    {
        // What was judged last may be all there is, but for blanks that no prompt shows.
        var judged = _last.Position > 0 && OnlyBlanksBehind(_last.Position) ? _last.Judged
            : TurnsTo(Length) is { } turns ? await judge.JudgeAsync(turns, GuardStage.Output, cancellationToken).ConfigureAwait(false)
            : default;
        if (judged.Passes)
            Pass(Length, judged);
        return judged.Block;
    }

    /// <summary>The context and all of this message: the context of the next.</summary>
    public TurnList Context() => Turns(Length);

    private void Pass(int position, Judged judged)
    {
        Released = position;
        _last = (position, judged);
    }

    /// <summary>The last position within reach; the next one, if every one of them counts.</summary>
    private int NextBoundary()
    {
        var window = judge.Options.Window;
        var next = StreamBoundaries.Next(_text.WrittenSpan, _boundary, window);
        if (judge.Options.StopProbability is not null)
            return next;
        var last = -1;
        for (; next >= 0; next = StreamBoundaries.Next(_text.WrittenSpan, next, window))
            last = next;
        return last;
    }

    private bool EndsStream(BlockedChat block) =>
        block.Reason != BlockReason.Unsafe || block.Verdict!.UnsafeProbability >= judge.Options.StopProbability;

    private bool OnlyBlanksBehind(int position) => TurnList.IsBlank(_text.WrittenSpan[position..]);

    /// <summary>The conversation up to a position of this message; null where the message has nothing to judge yet.</summary>
    private TurnList? TurnsTo(int position) => OnlyBlanks(position) ? null : Turns(position);

    // A placeholder is no blank: an image or a call is always something to judge.
    private bool OnlyBlanks(int position) => TurnList.IsBlank(_text.WrittenSpan[..position]);

    private TurnList Turns(int position)
    {
        var turns = context.Copy();
        for (var i = 0; i < _runs.Count && _runs[i].Start < position; i++)
        {
            var run = _runs[i];
            var end = Math.Min(position, i + 1 < _runs.Count ? _runs[i + 1].Start : Length);
            if (run.Parts is null)
                turns.Add(run.Role, new TextPart(_text.WrittenSpan[run.Start..end].ToString()));
            foreach (var (role, part) in run.Parts ?? [])
                turns.Add(role, part);
        }

        return turns;
    }

    private readonly record struct Run(int Start, Role Role, bool Reasoning, IReadOnlyList<SpokenPart>? Parts);
}
