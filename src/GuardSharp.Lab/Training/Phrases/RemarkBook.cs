using GuardSharp.Conversations;
using GuardSharp.Lab.Training.Rows;

namespace GuardSharp.Lab.Training.Phrases;

/// <summary>English statements as people write them online, alone and several in a row: one unsafe among harmless ones makes the text unsafe.</summary>
/// <remarks>remarks.tsv: safe or a category, and the statement. Self-harm, threats and news about violence stand here because other sources hold few of them.</remarks>
internal static class RemarkBook
{
    /// <summary>The source name of these rows.</summary>
    public const string Source = "remarks";

    private const int RowsOfEachVerdict = 900;

    /// <summary>Rows of one to four statements.</summary>
    /// <param name="seed">Seed of the choice.</param>
    public static List<TrainingRow> Rows(int seed)
    {
        var lines = PhraseBook.Table("remarks").Lines;
        var safe = lines.Where(line => line[0] == "safe").Select(line => line[1]).ToArray();
        var harmful = lines.Where(line => line[0] != "safe").ToArray();
        var random = new Random(seed);
        var rows = new List<TrainingRow>();
        for (var number = 0; number < RowsOfEachVerdict; number++)
        {
            // Half of the rows are a single statement.
            var others = number % 2 == 0 ? 0 : random.Next(1, 4);
            rows.Add(Row($"{Source}/safe{number}", [], [safe[number % safe.Length], .. random.GetItems(safe, others)], random));
            var remark = harmful[number % harmful.Length];
            rows.Add(Row($"{Source}/unsafe{number}", [remark[0]], [remark[1], .. random.GetItems(safe, others)], random));
        }

        return rows;
    }

    private static TrainingRow Row(string id, IReadOnlyList<string> categories, string[] statements, Random random)
    {
        random.Shuffle(statements);
        return new TrainingRow(id, Source, "en", Conversation.OfUser(string.Join(' ', statements)), categories.Count > 0, categories, null);
    }
}
