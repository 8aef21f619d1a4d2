namespace GuardSharp.Lab.Training.Phrases;

/// <summary>Puts replies together from parts, so that there are many thousands of different ones.</summary>
/// <remarks>
/// openings.tsv holds whole sentences: refusal, advice, willing, harm, good. refusals.tsv holds parts: a refusal is lead + modal + verb + object, then
/// reasons and offers; a willing answer is an opening around "about", then deeds or useful sentences.
/// </remarks>
internal sealed class ReplyText
{
    private const int LongestQuote = 200;
    private readonly Dictionary<string, string[]> _parts;
    private readonly Random _random;

    /// <summary>Reads the tables.</summary>
    public ReplyText(Random random)
    {
        _random = random;
        _parts = PhraseBook.Table("openings").Lines.Select(line => (Kind: line[0] == "willing" ? "opening" : line[0], Text: line[1]))
            .Concat(PhraseBook.Table("refusals").Lines.Select(line => (Kind: line[0], Text: line[1])))
            .GroupBy(part => part.Kind).ToDictionary(group => group.Key, group => group.Select(part => part.Text).ToArray());
    }

    /// <summary>A refusal: a bare sentence, or followed by reasons, advice and offers in any number and mostly in this order.</summary>
    public string Refusal()
    {
        var sentences = new List<string> { _random.Next(3) == 0 ? One("refusal") : Combined() };
        if (_random.Next(4) > 0)
        {
            sentences.AddRange(Some("reason", _random.Next(3)));
            sentences.AddRange(Some("advice", _random.Next(3)));
            sentences.AddRange(Some("offer", _random.Next(3)));
        }

        // Some models explain first and refuse then.
        if (sentences.Count > 2 && _random.Next(6) == 0)
            (sentences[0], sentences[1]) = (sentences[1], sentences[0]);
        return Join(sentences);
    }

    /// <summary>A willing answer, as safe as what was asked.</summary>
    /// <param name="asked">What was asked, to be named in some answers; null: it is not named.</param>
    /// <param name="isUnsafe">Whether the answer helps to do harm.</param>
    public string Willing(string? asked, bool isUnsafe)
    {
        var about = One("about");
        if (asked is { Length: <= LongestQuote } && _random.Next(2) == 0)
            about = $"{about} {asked.TrimEnd('.', '?', '!', ' ')}.";
        var opening = _random.Next(3) == 0 ? One("opening") : string.Format(null, One("willing"), about);
        List<string> sentences = [.. Some(isUnsafe ? "deed" : "useful", _random.Next(1, 4)), .. Some(isUnsafe ? "harm" : "good", _random.Next(0, 4))];
        var steps = sentences.ToArray();
        _random.Shuffle(steps);
        if (_random.Next(3) == 0)
            steps = [.. steps.Select((step, index) => $"{index + 1}. {step}")];
        return Join([opening, .. steps]);
    }

    private string Combined()
    {
        var refusal = $"{One("modal")} {One("verb")} {One("object")}.";
        return _random.Next(3) == 0 ? char.ToUpperInvariant(refusal[0]) + refusal[1..] : $"{One("lead")} {refusal}";
    }

    private string One(string kind) => _parts[kind][_random.Next(_parts[kind].Length)];

    private IEnumerable<string> Some(string kind, int count)
    {
        var all = (string[])_parts[kind].Clone();
        _random.Shuffle(all);
        return all.Take(count);
    }

    private string Join(IEnumerable<string> sentences) => string.Join(_random.Next(5) == 0 ? "\n\n" : " ", sentences);
}
