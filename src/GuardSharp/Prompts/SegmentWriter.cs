using System.Text;

namespace GuardSharp.Prompts;

/// <summary>Collects segments and joins neighbouring texts, so that byte pairs form across them as in the reference.</summary>
internal sealed class SegmentWriter
{
    private readonly List<PromptSegment> _segments = [];
    private readonly StringBuilder _text = new();

    /// <summary>Segments that are closed, not counting the text under way.</summary>
    public int Closed => _segments.Count;

    /// <summary>Characters of the text under way.</summary>
    public int OpenCharacters => _text.Length;

    public SegmentWriter Special(string name) => Add(new SpecialSegment(name));

    public SegmentWriter Image(int index) => Add(new ImageSegment(index));

    public SegmentWriter Text(string text)
    {
        _text.Append(text);
        return this;
    }

    /// <summary>Everything written, in order.</summary>
    public IReadOnlyList<PromptSegment> Finish()
    {
        Flush();
        return _segments;
    }

    private SegmentWriter Add(PromptSegment segment)
    {
        Flush();
        _segments.Add(segment);
        return this;
    }

    private void Flush()
    {
        if (_text.Length == 0)
            return;
        _segments.Add(new TextSegment(_text.ToString()));
        _text.Clear();
    }
}
