using GuardSharp.Evaluation.Metrics;
using GuardSharp.Lab.Training.Rows;
using GuardSharp.Lab.Training.Words;

namespace GuardSharp.Lab.Training.Pretrained;

/// <summary>Joins what two teachers say, and reports how well each does on rows that it did not see.</summary>
internal static class TeacherPanel
{
    private const double Margin = 1e-4;
    private const int MinRowsOfEachClass = 50;
    private static readonly double[] Shares = [0, 0.15, 0.3, 0.45, 0.6];

    /// <summary>The joint opinions: verdicts averaged as logits and categories as logarithms where both have one, else the one that there is.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="sentences">The sentence encoder's.</param>
    /// <param name="words">The word teacher's.</param>
    /// <param name="wordShare">The word teacher's share, 0 to 1, for sources whose training rows do not tell which share ranks them best.</param>
    public static TeacherOpinions Join(IReadOnlyList<TrainingRow> rows, TeacherOpinions sentences, TeacherOpinions words, double wordShare)
    {
        var shares = rows.Index().Where(entry => !float.IsNaN(sentences.Unsafe[entry.Index]) && !float.IsNaN(words.Unsafe[entry.Index]))
            .GroupBy(entry => entry.Item.Source).ToDictionary(source => source.Key, source => BestShare([.. source.Select(entry => entry.Index)]));
        return new TeacherOpinions(
            [.. rows.Select((row, index) => Joint(sentences.Unsafe[index], words.Unsafe[index], shares.GetValueOrDefault(row.Source, wordShare)))],
            [.. sentences.Categories.Zip(words.Categories, (one, other) => one is null ? other : other is null ? one : Mean(one, other))]);

        // Each row was judged by classifiers that did not see it, so the training rows themselves may choose.
        double BestShare(int[] members)
        {
            bool[] labels = [.. members.Select(row => rows[row].Unsafe)];
            if (Math.Min(labels.Count(isUnsafe => isUnsafe), labels.Count(isUnsafe => !isUnsafe)) < MinRowsOfEachClass)
                return wordShare;
            return Shares.MaxBy(share => BinaryMetrics.Of(labels, [.. members.Select(row => (double)Joint(sentences.Unsafe[row], words.Unsafe[row], share))], 0.5).Auroc);
        }
    }

    private static float Joint(float sentence, float words, double wordShare) =>
        float.IsNaN(sentence) ? words : float.IsNaN(words) ? sentence : Mean(sentence, words, wordShare);

    /// <summary>AUROC and share of right first categories of a teacher, source by source: a broken teacher shows here.</summary>
    public static void Report(string name, IReadOnlyList<TrainingRow> rows, TeacherOpinions opinions, Action<string> report)
    {
        var judged = rows.Index().Where(entry => entry.Item.Source != OpinionRows.Source && !float.IsNaN(opinions.Unsafe[entry.Index]))
            .GroupBy(entry => $"{entry.Item.Source}{(entry.Item.IsResponse ? " responses" : "")}{(entry.Item.Language == "en" ? "" : " foreign")}").ToList();
        var ranked = judged.Where(source => source.Any(entry => entry.Item.Unsafe) && source.Any(entry => !entry.Item.Unsafe)).Select(source =>
            $"{source.Key} {BinaryMetrics.Of([.. source.Select(entry => entry.Item.Unsafe)], [.. source.Select(entry => (double)opinions.Unsafe[entry.Index])], 0.5).Auroc:F3}");
        report($"{name}: AUROC {string.Join(", ", ranked)}");
        var named = judged.Select(source => (source.Key, Rows: source.Where(entry => entry.Item.Categories.Count > 0 && opinions.Categories[entry.Index] is not null).ToList()))
            .Where(source => source.Rows.Count > 0).Select(source => $"{source.Key} {source.Rows.Average(entry => IsRight(entry.Item, opinions.Categories[entry.Index]!) ? 1.0 : 0):F2}");
        report($"{name}: right categories {string.Join(", ", named)}");
    }

    private static bool IsRight(TrainingRow row, float[] categories) => row.Categories.Contains($"S{Array.IndexOf(categories, categories.Max()) + 1}");

    private static float Mean(float one, float other, double share)
    {
        var logit = ((1 - share) * Logit(one)) + (share * Logit(other));
        return (float)(1 / (1 + Math.Exp(-logit)));
    }

    private static double Logit(double probability)
    {
        var inside = Math.Clamp(probability, Margin, 1 - Margin);
        return Math.Log(inside / (1 - inside));
    }

    private static float[] Mean(float[] one, float[] other)
    {
        var joint = one.Zip(other, (a, b) => MathF.Sqrt(Math.Max(a, 1e-6f) * Math.Max(b, 1e-6f))).ToArray();
        var sum = joint.Sum();
        return [.. joint.Select(value => value / sum)];
    }
}
