using GuardSharp.Lab.Training.Rows;

namespace GuardSharp.Lab.Training;

/// <summary>Chooses the texts of the tokenizer: English most, every other language about the same.</summary>
internal static class TokenizerLearning
{
    private const int CharactersOfEnglish = 2_400_000;
    private const int CharactersOfMainLanguage = 450_000;
    private const int CharactersOfOtherLanguage = 60_000;
    private static readonly string[] MainLanguages = ["fr", "de", "hi", "it", "pt", "es", "th"];

    /// <summary>Learns the tokenizer from the rows, unless the file is there.</summary>
    /// <param name="file">The tokenizer.json.</param>
    /// <param name="rows">The training rows.</param>
    /// <param name="size">Ids, the special ones included.</param>
    /// <param name="seed">Seed of the order of rows.</param>
    public static void Ensure(string file, IReadOnlyList<TrainingRow> rows, int size, int seed)
    {
        if (!File.Exists(file))
            TokenizerJson.Write(BpeTrainer.Learn(Texts(rows, seed), BpeTrainerOptions.ForGuard(size)), file);
    }

    private static IEnumerable<string> Texts(IReadOnlyList<TrainingRow> rows, int seed)
    {
        // The prompt and the answers stand in every example.
        for (var repeat = 0; repeat < 2000; repeat++)
            yield return "User S1-S14\nAgent S1-S13\nunsafe\nS1,S10,S11,S12,S13,S14\n2,S2,S3,S4,S5,S6,S7,S8,S9";

        foreach (var language in rows.GroupBy(row => row.Language))
        {
            var budget = language.Key == "en" ? CharactersOfEnglish : MainLanguages.Contains(language.Key) ? CharactersOfMainLanguage : CharactersOfOtherLanguage;
            var texts = language.SelectMany(row => row.Conversation.Turns).Select(TrainingRow.TextOf).ToArray();
            new Random(seed).Shuffle(texts);
            foreach (var text in texts.TakeWhile(text => (budget -= text.Length) > 0))
                yield return text;

            // A language with few rows is read again until its share is full: its words deserve whole tokens as well.
            for (var round = 0; round < 3 && budget > 0 && MainLanguages.Contains(language.Key); round++)
            {
                foreach (var text in texts.TakeWhile(text => (budget -= text.Length) > 0))
                    yield return text;
            }
        }
    }
}
