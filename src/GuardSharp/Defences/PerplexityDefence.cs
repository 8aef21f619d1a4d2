using System.Globalization;
using GuardSharp.Conversations;

namespace GuardSharp.Defences;

/// <summary>The messages without stretches of letters that no language writes: what a search for tokens leaves behind.</summary>
/// <remarks>
/// G. Alon, M. Kamfonas, arXiv:2308.14132; N. Jain and others, arXiv:2309.00614. A stretch is not called unsafe for being odd: it is cut out, and
/// what remains is judged. Words of other scripts than Latin are never odd to it.
/// </remarks>
internal sealed class PerplexityDefence : IDefence
{
    public const string Key = "perplexity";

    /// <summary>Nats a letter from which on a stretch is odd: of our development rows one in a hundred has such a stretch.</summary>
    public const double DefaultLimit = 3.5;

    // A stretch has at least so many words, and symbols with the blanks behind them: single names, numbers and typing errors are shorter.
    private const int Words = 4;
    private const int Symbols = 20;

    // Fewer words are no message.
    private const int LeastLeft = 2;

    private readonly Lazy<LetterModel> _model = new(LetterModel.Load);
    private readonly double _limit;

    public PerplexityDefence(double limit)
    {
        _limit = limit;
        Name = string.Create(CultureInfo.InvariantCulture, $"{Key}:{limit}");
    }

    public string Name { get; }

    public IReadOnlyList<Conversation> Views(Conversation conversation) => TextDefence.View(conversation, Cut);

    /// <summary>The text without its odd stretches; the same instance where it has none, or little else.</summary>
    internal string Cut(string text)
    {
        var words = WordsOf(text);
        var isOdd = OddOf(text, words);
        var left = isOdd.Count(odd => !odd);
        return left == words.Count || left < LeastLeft
            ? text
            : string.Join(' ', words.Where((_, i) => !isOdd[i]).Select(word => text[word]));
    }

    /// <summary>The highest mean cost of a stretch of a text, in nats a letter; 0 where it has no words of Latin script.</summary>
    internal double Highest(string text)
    {
        var words = WordsOf(text);
        var costs = CostsOf(text, words);
        return Stretches(costs).Select(stretch => Mean(costs, stretch)).DefaultIfEmpty(0).Max();
    }

    private bool[] OddOf(string text, List<Range> words)
    {
        var isOdd = new bool[words.Count];
        var costs = CostsOf(text, words);
        foreach (var stretch in Stretches(costs).Where(stretch => Mean(costs, stretch) > _limit))
        {
            // Ordinary words at the ends of an odd stretch stay.
            var (first, last) = (stretch.Start.Value, stretch.End.Value - 1);
            while (Mean(costs, first..(first + 1)) <= _limit)
            {
                first++;
            }

            while (Mean(costs, last..(last + 1)) <= _limit)
            {
                last--;
            }

            isOdd.AsSpan(first, last + 1 - first).Fill(true);
        }

        return isOdd;
    }

    // From each word on the shortest stretch that is long enough; none where the text ends before.
    private static IEnumerable<Range> Stretches((double Cost, int Symbols)[] costs)
    {
        for (var (first, end, symbols) = (0, 0, 0); first < costs.Length; symbols -= costs[first++].Symbols)
        {
            while (end < costs.Length && (end - first < Words || symbols < Symbols))
            {
                symbols += costs[end++].Symbols;
            }

            if (end - first < Words || symbols < Symbols)
            {
                yield break;
            }

            yield return first..end;
        }
    }

    private static double Mean((double Cost, int Symbols)[] costs, Range stretch)
    {
        var (cost, symbols) = costs[stretch].Aggregate((Cost: 0.0, Symbols: 0), (sum, word) => (sum.Cost + word.Cost, sum.Symbols + word.Symbols));
        return symbols == 0 ? 0 : cost / symbols;
    }

    // The cost of each word, its blank included, given the words before it.
    private (double Cost, int Symbols)[] CostsOf(string text, List<Range> words)
    {
        var symbols = words.ConvertAll(word => LetterSymbols.Of(text.AsSpan(word)));
        var costs = _model.Value.Costs(" " + string.Concat(symbols));
        var at = 1;
        return [.. symbols.Select(word =>
        {
            var cost = (Cost: costs.AsSpan(at, word?.Length ?? 0).ToArray().Sum(), Symbols: word?.Length ?? 0);
            at += cost.Symbols;
            return cost;
        })];
    }

    private static List<Range> WordsOf(string text)
    {
        var words = new List<Range>();
        for (var i = 0; i < text.Length; i++)
        {
            var end = i;
            while (end < text.Length && !char.IsWhiteSpace(text[end]))
            {
                end++;
            }

            if (end > i)
            {
                words.Add(i..end);
                i = end;
            }
        }

        return words;
    }
}
