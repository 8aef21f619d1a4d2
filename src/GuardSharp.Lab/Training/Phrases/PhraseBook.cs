using GuardSharp.Conversations;
using GuardSharp.Lab.Training.Rows;

namespace GuardSharp.Lab.Training.Phrases;

/// <summary>
/// Rows this project wrote itself, in the eight languages: everyday requests, their dangerous counterparts in the same sentence patterns, and
/// replies. They give every language safe and unsafe text, so that neither the language nor the pattern becomes the verdict.
/// </summary>
/// <remarks>
/// Tables of tab-separated columns, one language a column, embedded in the assembly: patterns.tsv with {0} for an act, acts.tsv and
/// sentences.tsv labelled "safe" or with a category, everyday.tsv (one language a line), replies.tsv labelled refusal or answer. Dangerous acts are named, never described.
/// </remarks>
internal static class PhraseBook
{
    private const string Prefix = "GuardSharp.Lab.Training.Phrases.";

    /// <summary>All rows.</summary>
    public static List<TrainingRow> Rows()
    {
        var rows = new List<TrainingRow>();
        var (languages, patterns) = Table("patterns");
        var (_, replies) = Table("replies");
        foreach (var (act, labelled) in Table("acts").Lines.Index())
        {
            foreach (var (pattern, line) in patterns.Index())
                AddAll(rows, TrainingRow.PhraseSource, $"act{act}.{pattern}", labelled[0], languages, column => string.Format(null, line[column], labelled[column + 1]));
            AddReplies(rows, act, labelled, languages, patterns, replies);
        }

        foreach (var (sentence, labelled) in Table("sentences").Lines.Index())
            AddAll(rows, TrainingRow.SentenceSource, $"{sentence}", labelled[0], languages, column => labelled[column + 1]);
        AddEveryday(rows);
        return rows;
    }

    /// <summary>Harmless questions of a single language, which everyday.tsv holds as sentences with choices in brackets.</summary>
    private static void AddEveryday(List<TrainingRow> rows)
    {
        const int MostOfALine = 24;
        foreach (var (number, line) in Table("everyday").Lines.Index())
        {
            var texts = Choices(line[1]).ToArray();
            new Random(number).Shuffle(texts);
            foreach (var (variant, text) in texts.Take(MostOfALine).Index())
                rows.Add(Row(TrainingRow.PhraseSource, $"phrases/{line[0]}:everyday{line[0]}{number}.{variant}", line[0], "safe", Turn.User(text)));
        }
    }

    /// <summary>Every sentence that <c>[one|another]</c> in a text stands for.</summary>
    internal static IEnumerable<string> Choices(string text)
    {
        var open = text.IndexOf('[', StringComparison.Ordinal);
        if (open < 0)
            return [text];
        var close = text.IndexOf(']', open);
        return text[(open + 1)..close].Split('|').SelectMany(choice => Choices(text[..open] + choice + text[(close + 1)..]));
    }

    private static void AddAll(List<TrainingRow> rows, string source, string key, string label, string[] languages, Func<int, string> text)
    {
        for (var column = 0; column < languages.Length; column++)
            rows.Add(Row(source, $"{source}/{languages[column]}:{key}", languages[column], label, Turn.User(text(column))));
    }

    /// <summary>For each act and language one refusal (always safe) and one willing answer (as safe as the act).</summary>
    private static void AddReplies(
        List<TrainingRow> rows, int act, string[] labelled, string[] languages, List<string[]> patterns, List<string[]> replies)
    {
        foreach (var kind in replies.GroupBy(reply => reply[0]))
        {
            var choices = kind.ToList();
            for (var column = 0; column < languages.Length; column++)
            {
                var asked = string.Format(null, patterns[(act + column) % patterns.Count][column], labelled[column + 1]);
                var reply = choices[(act + column) % choices.Count][column + 1];
                var text = kind.Key == "refusal" ? reply : $"{reply} {Sentence(asked)}";
                var label = kind.Key == "refusal" ? "safe" : labelled[0];
                rows.Add(Row(TrainingRow.PhraseSource, $"phrases/{languages[column]}:{kind.Key}{act}", languages[column], label, Turn.User(asked), Turn.Assistant(text)));
            }
        }

        // A willing answer names what it helps with, as models do.
        string Sentence(string asked) => asked.TrimEnd('?', '.', ' ', '।') + ": 1. 2. 3.";
    }

    private static TrainingRow Row(string source, string id, string language, string label, params Turn[] turns) => new(
        id, source, language, new Conversation(turns), label != "safe", label == "safe" ? [] : [label], null);

    /// <summary>A table of the assembly: its column names (but for the label's) and its lines.</summary>
    public static (string[] Header, List<string[]> Lines) Table(string name)
    {
        using var stream = typeof(PhraseBook).Assembly.GetManifestResourceStream($"{Prefix}{name}.tsv")
            ?? throw new TrainingException($"The table {name}.tsv is not part of the assembly. Rebuild GuardSharp.Lab.");
        using var reader = new StreamReader(stream);
        var lines = reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('\t')).ToList();
        return (lines[0].Where(cell => cell != "label").ToArray(), lines[1..]);
    }
}
