namespace GuardSharp.Models;

/// <summary>Neighbouring tokens that see the same pictures.</summary>
/// <param name="Start">The first token.</param>
/// <param name="Count">How many tokens.</param>
/// <param name="FirstPicture">The first picture they see.</param>
/// <param name="Pictures">How many pictures they see; 0: they stand before the first one.</param>
internal readonly record struct SightRun(int Start, int Count, int FirstPicture, int Pictures);

/// <summary>Which pictures each token of a sequence sees through cross-attention: those since the last text, and so on to the next picture.</summary>
/// <remarks>As the reference's processor fills cross_attention_mask: pictures side by side are seen together by the text behind them.</remarks>
internal sealed class PictureSight
{
    private readonly List<SightRun> _runs = [];

    /// <param name="ids">The prompt.</param>
    /// <param name="imageToken">The token that stands for a picture.</param>
    public PictureSight(ReadOnlySpan<int> ids, int imageToken)
    {
        var start = 0;
        var (first, pictures) = (0, 0);
        for (var i = 0; i < ids.Length; i++)
        {
            if (ids[i] != imageToken)
            {
                continue;
            }

            if (i > start)
            {
                _runs.Add(new SightRun(start, i - start, first, pictures));
            }

            var followsPicture = i > 0 && ids[i - 1] == imageToken;
            (first, pictures) = followsPicture ? (first, pictures + 1) : (first + pictures, 1);
            start = i;
            Pictures++;
        }

        _runs.Add(new SightRun(start, ids.Length - start, first, pictures));
    }

    /// <summary>Pictures of the sequence.</summary>
    public int Pictures { get; }

    /// <summary>What the tokens from <paramref name="start"/> on see. Those behind the prompt (an answer) see what its last token does.</summary>
    public IEnumerable<SightRun> Runs(int start, int count)
    {
        for (var i = 0; i < _runs.Count; i++)
        {
            var run = _runs[i];
            var from = Math.Max(start, run.Start);
            var end = i == _runs.Count - 1 ? start + count : Math.Min(start + count, run.Start + run.Count);
            if (end > from)
            {
                yield return run with { Start = from, Count = end - from };
            }
        }
    }
}
