using GuardSharp.Conversations;

namespace GuardSharp.Lab.Training.Rows;

/// <summary>
/// English texts without a label, for which only the teacher's opinion counts: texts beyond the caps, parts of long texts and several texts in a
/// row. They carry over what the teacher knows where labels are few, and long texts of mixed content above all.
/// </summary>
internal static class OpinionRows
{
    /// <summary>The source name of these rows.</summary>
    public const string Source = "opinions";

    private const int Composed = 7000;
    private const int PartsOfLongText = 6;
    private const int LongText = 240;
    private const int MaxCharacters = 600;

    /// <summary>Sources whose texts stand next to each other without looking odd: remarks, requests, scenes.</summary>
    private static readonly string[] Texts = ["openai-moderation", "stormfront", "davidson", "hatecheck", "gpt-roleplay", "surge-toxicity", "xsafety", "clinc-oos", "remarks"];

    /// <summary>Draws the rows.</summary>
    /// <param name="rows">The labelled rows they are made of.</param>
    /// <param name="seed">Seed of the choice.</param>
    public static List<TrainingRow> Of(IReadOnlyList<TrainingRow> rows, int seed)
    {
        var random = new Random(seed);
        var bySource = Texts.Select(source => rows.Where(row => row.Source == source && row.Language == "en").Select(row => row.LastText).Distinct().ToArray())
            .Where(texts => texts.Length > 0).ToArray();
        var opinions = new List<TrainingRow>();
        foreach (var (index, row) in rows.Where(row => row.Source == "openai-moderation" && row.LastText.Length >= LongText).Index())
        {
            for (var part = 0; part < PartsOfLongText; part++)
                opinions.Add(Row($"part{index}.{part}", Part(row.LastText, random)));
        }

        // One text alone in a third of the rows, else up to four; half of the further ones from the same source.
        for (var number = 0; number < Composed && bySource.Length > 0; number++)
        {
            var source = bySource[number % bySource.Length];
            List<string> texts = [source[random.Next(source.Length)]];
            for (var more = number % 3 == 0 ? 0 : random.Next(1, 4); more > 0; more--)
            {
                var other = random.Next(2) == 0 ? source : bySource[random.Next(bySource.Length)];
                texts.Add(Part(other[random.Next(other.Length)], random));
            }

            var text = string.Join(random.Next(4) == 0 ? "\n" : " ", texts);
            opinions.Add(Row($"composed{number}", text[..Math.Min(text.Length, MaxCharacters)]));
        }

        return opinions;
    }

    /// <summary>Some consecutive sentences of a text; a short text whole.</summary>
    private static string Part(string text, Random random)
    {
        var sentences = text.Split(['.', '\n', '!', '?'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (sentences.Length < 3)
            return text;
        var count = random.Next(1, Math.Min(6, sentences.Length));
        return string.Join(". ", sentences.Skip(random.Next(sentences.Length - count + 1)).Take(count)) + ".";
    }

    private static TrainingRow Row(string id, string text) => new($"{Source}/{id}", Source, "en", Conversation.OfUser(text), false, [], null);
}
