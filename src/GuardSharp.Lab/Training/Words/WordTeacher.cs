using GuardSharp.Lab.Training.Rows;

namespace GuardSharp.Lab.Training.Words;

/// <summary>What a teacher says about the rows, each from a part of the training that did not see the row.</summary>
/// <param name="Unsafe">For each row the probability of unsafe; NaN where there is none.</param>
/// <param name="Categories">For each row the distribution over S1 to S14 were it unsafe; null where there is none.</param>
internal sealed record TeacherOpinions(float[] Unsafe, float[]?[] Categories)
{
    /// <summary>The same without verdicts on the rows of some sources.</summary>
    public TeacherOpinions Without(IReadOnlyList<TrainingRow> rows, IReadOnlyList<string> sources) =>
        this with { Unsafe = [.. Unsafe.Select((verdict, row) => sources.Contains(rows[row].Source) ? float.NaN : verdict)] };
}

/// <summary>
/// Linear classifiers over words and letters, trained on the labels of all languages and of responses in five parts: each part is judged by the
/// classifiers of the other four.
/// </summary>
/// <param name="seed">Seed of the order of rows.</param>
/// <param name="report">Progress lines.</param>
internal sealed class WordTeacher(int seed, Action<string> report)
{
    private const int Parts = 5;
    private const int VerdictEpochs = 3;
    private const int CategoryEpochs = 6;

    /// <summary>Rows of a group (source, language, verdict) that count fully; further ones add less and less.</summary>
    private const double FullRows = 400;

    /// <summary>Judges the rows of a choice.</summary>
    /// <param name="rows">All rows.</param>
    /// <param name="chosen">The rows to learn from and to judge: labelled ones.</param>
    public TeacherOpinions Teach(IReadOnlyList<TrainingRow> rows, IReadOnlyList<int> chosen)
    {
        var texts = Scaled([.. chosen.Select(row => WordFeatures.Of(rows[row].LastText, rows[row].IsResponse ? 7 : 0))]);
        var part = RowParts.Of([.. chosen.Select(row => rows[row])], Parts);
        report($"words: {chosen.Count} texts in {Parts} parts of {string.Join(", ", part.GroupBy(p => p).OrderBy(g => g.Key).Select(g => g.Count()))}");
        var verdicts = Verdicts(rows, chosen, texts);
        var categories = Categories(rows, chosen, texts);
        var opinions = new TeacherOpinions(new float[rows.Count], new float[rows.Count][]);
        Array.Fill(opinions.Unsafe, float.NaN);
        for (var judged = 0; judged < Parts; judged++)
        {
            var (verdict, category) = (new WordClassifier(1), new WordClassifier(CategoryTargets.Count));
            verdict.Learn([.. verdicts.Where((_, index) => part[index] != judged)], VerdictEpochs, seed);
            category.Learn([.. categories.Index().Where(entry => part[entry.Index] != judged).Select(entry => entry.Item).OfType<WordExample>()], CategoryEpochs, seed);
            for (var index = 0; index < chosen.Count; index++)
            {
                if (part[index] != judged)
                    continue;
                opinions.Unsafe[chosen[index]] = verdict.Judge(texts[index])[0];
                if (rows[chosen[index]].Unsafe)
                    opinions.Categories[chosen[index]] = category.Judge(texts[index]);
            }

            report($"words: part {judged + 1} of {Parts} judged");
        }

        return opinions;
    }

    private static WordFeatures[] Scaled(WordFeatures[] texts)
    {
        var documents = new int[WordFeatures.Size];
        foreach (var index in texts.SelectMany(text => text.Indices))
            documents[index]++;
        float[] rarity = [.. documents.Select(count => 1 + MathF.Log((1f + texts.Length) / (1 + count)))];
        return [.. texts.Select(text => text.Scaled(rarity))];
    }

    private static WordExample[] Verdicts(IReadOnlyList<TrainingRow> rows, IReadOnlyList<int> chosen, WordFeatures[] texts)
    {
        var groups = chosen.GroupBy(row => GroupOf(rows[row])).ToDictionary(group => group.Key, group => group.Count());
        return [.. chosen.Select((row, index) => new WordExample(texts[index], [rows[row].Unsafe ? 1 : 0], (float)Math.Min(1, Math.Sqrt(FullRows / groups[GroupOf(rows[row])]))))];
    }

    private static WordExample?[] Categories(IReadOnlyList<TrainingRow> rows, IReadOnlyList<int> chosen, WordFeatures[] texts)
    {
        var named = chosen.Where(row => rows[row].Unsafe && rows[row].Categories.Count > 0).ToArray();
        var counts = named.GroupBy(row => (rows[row].Source, rows[row].Language, rows[row].Categories[0])).ToDictionary(group => group.Key, group => group.Count());
        return [.. chosen.Select((row, index) => rows[row] is { Unsafe: true, Categories.Count: > 0 } one
            ? new WordExample(texts[index], CategoryTargets.Of(one), (float)Math.Min(1, Math.Sqrt(FullRows / 4 / counts[(one.Source, one.Language, one.Categories[0])])))
            : null)];
    }

    private static (string Source, string Language, bool Unsafe, bool Response) GroupOf(TrainingRow row) => (row.Source, row.Language, row.Unsafe, row.IsResponse);
}
