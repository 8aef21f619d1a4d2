using GuardSharp.Evaluation.Datasets;
using GuardSharp.Evaluation.Metrics;
using GuardSharp.Lab.Training.Rows;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace GuardSharp.Lab.Training.Pretrained;

/// <summary>What the teacher says about the rows.</summary>
/// <param name="Vectors">Sentence vectors of the distinct English texts: [V, 512].</param>
/// <param name="VectorOf">For each row the vector of its judged text or of its English translation, or -1.</param>
/// <param name="Unsafe">For each row the teacher's probability of unsafe, from a head that did not see the row; NaN where it has none.</param>
internal sealed record TeacherKnowledge(Tensor Vectors, int[] VectorOf, float[] Unsafe);

/// <summary>
/// A frozen English sentence encoder with a small network on top, trained on the labels in five parts: each part is judged by the head
/// trained on the other four, so that its doubts are honest.
/// </summary>
/// <param name="encoder">The sentence encoder.</param>
/// <param name="seed">Seed of the heads.</param>
/// <param name="maxCharacters">Longer texts have no vector: they cost most.</param>
internal sealed class SentenceTeacher(UseLiteEncoder encoder, int seed, int maxCharacters)
{
    private const int Folds = 5;
    private const int BatchTexts = 64;
    private const int HiddenSize = 256;

    /// <summary>Encodes the English texts that will be seen and trains the heads on the prompts among them.</summary>
    /// <param name="rows">The training rows.</param>
    /// <param name="mixture">What an epoch takes, for the proportions of the heads' training.</param>
    /// <param name="seen">The rows that the run will see.</param>
    /// <param name="cacheFile">Where the vectors are kept between runs.</param>
    /// <param name="report">Progress lines.</param>
    public TeacherKnowledge Teach(IReadOnlyList<TrainingRow> rows, Mixture mixture, IReadOnlySet<int> seen, string cacheFile, Action<string> report)
    {
        var texts = new List<string>();
        var indexOf = new Dictionary<string, int>();
        var vectorOf = new int[rows.Count];
        Array.Fill(vectorOf, -1);
        foreach (var (row, english) in rows.Index().Where(entry => entry.Item.Language == "en" && IsTaught(entry.Index, entry.Item)))
        {
            if (!indexOf.TryGetValue(english.LastText, out var index))
            {
                indexOf[english.LastText] = index = texts.Count;
                texts.Add(english.LastText);
            }

            vectorOf[row] = index;
        }

        // Translations need the English text even where it is not seen itself.
        bool IsTaught(int index, TrainingRow row) => !row.IsResponse && row.LastText.Length <= maxCharacters && (seen.Contains(index) || row.ParallelKey is not null);

        ShareWithTranslations(rows, vectorOf);
        var vectors = Encode(texts, cacheFile, report);
        return new TeacherKnowledge(vectors, vectorOf, Judge(rows, mixture, vectors, vectorOf, report));
    }

    private static void ShareWithTranslations(IReadOnlyList<TrainingRow> rows, int[] vectorOf)
    {
        var english = new Dictionary<string, int>();
        foreach (var (row, entry) in rows.Index())
        {
            if (entry.Language == "en" && entry.ParallelKey is { } key)
                english.TryAdd(key, vectorOf[row]);
        }

        foreach (var (row, entry) in rows.Index())
        {
            if (entry.Language != "en" && entry.ParallelKey is { } key && english.TryGetValue(key, out var vector))
                vectorOf[row] = vector;
        }
    }

    private Tensor Encode(List<string> texts, string cacheFile, Action<string> report)
    {
        using var cache = new VectorCache(cacheFile, UseLiteEncoder.VectorSize);
        // By length: a batch costs as much as its longest text.
        var missing = texts.Where(text => cache.Find(text) is null).OrderBy(text => text.Length).ToArray();
        for (var done = 0; done < missing.Length; done += BatchTexts)
        {
            using var scope = NewDisposeScope();
            var batch = missing[done..Math.Min(missing.Length, done + BatchTexts)];
            var encoded = encoder.Encode(batch).data<float>().ToArray();
            for (var row = 0; row < batch.Length; row++)
                cache.Add(batch[row], encoded.AsSpan(row * UseLiteEncoder.VectorSize, UseLiteEncoder.VectorSize).ToArray());
            if (done / BatchTexts % 50 == 0)
                report($"teacher: {done} of {missing.Length} new texts encoded");
        }

        return tensor(texts.SelectMany(text => cache.Find(text)!).ToArray(), [texts.Count, UseLiteEncoder.VectorSize]);
    }

    private float[] Judge(IReadOnlyList<TrainingRow> rows, Mixture mixture, Tensor vectors, int[] vectorOf, Action<string> report)
    {
        var verdicts = new float[rows.Count];
        Array.Fill(verdicts, float.NaN);
        var fold = vectorOf.Select(vector => vector % Folds).ToArray(); // the same text, or a translation, is in one part
        var mixed = mixture.DrawEpoch(new Random(seed)).Where(row => vectorOf[row] >= 0 && rows[row].Language == "en" && !rows[row].IsResponse && rows[row].Source != OpinionRows.Source).ToArray();
        for (var part = 0; part < Folds; part++)
        {
            using var scope = NewDisposeScope();
            using var head = Head();
            Train(head, rows, [.. mixed.Where(row => fold[row] != part)], vectors, vectorOf);
            var judged = Enumerable.Range(0, rows.Count).Where(row => fold[row] == part && vectorOf[row] >= 0 && !rows[row].IsResponse).ToArray();
            using var frozen = no_grad();
            head.eval();
            var output = head.call(vectors.index_select(0, tensor(judged.Select(row => (long)vectorOf[row]).ToArray()))).sigmoid().data<float>().ToArray();
            for (var row = 0; row < judged.Length; row++)
                verdicts[judged[row]] = output[row];
            report($"teacher: part {part + 1} of {Folds} judged");
        }

        ReportRanking(rows, verdicts, report);
        return verdicts;
    }

    /// <summary>How well the teacher ranks rows it did not see: a broken teacher shows here.</summary>
    private static void ReportRanking(IReadOnlyList<TrainingRow> rows, float[] verdicts, Action<string> report)
    {
        var judged = rows.Index().Where(entry => entry.Item.Language == "en" && !float.IsNaN(verdicts[entry.Index])).GroupBy(entry => entry.Item.Source)
            .Where(source => source.Any(entry => entry.Item.Unsafe) && source.Any(entry => !entry.Item.Unsafe));
        report("teacher: AUROC " + string.Join(", ", judged.Select(source =>
            $"{source.Key} {BinaryMetrics.Of([.. source.Select(entry => entry.Item.Unsafe)], [.. source.Select(entry => (double)verdicts[entry.Index])], 0.5).Auroc:F3}")));
    }

    private static TorchSharp.Modules.Sequential Head() => Sequential(
        Linear(UseLiteEncoder.VectorSize, HiddenSize), ReLU(), Dropout(0.3), Linear(HiddenSize, 1));

    private void Train(TorchSharp.Modules.Sequential head, IReadOnlyList<TrainingRow> rows, int[] examples, Tensor vectors, int[] vectorOf)
    {
        const int Epochs = 4;
        const int BatchRows = 128;
        using var optimiser = optim.AdamW(head.parameters(), lr: 1e-3, weight_decay: 0.05);
        var random = new Random(seed);
        for (var epoch = 0; epoch < Epochs; epoch++)
        {
            random.Shuffle(examples);
            foreach (var batch in examples.Chunk(BatchRows))
            {
                using var scope = NewDisposeScope();
                var input = vectors.index_select(0, tensor(batch.Select(row => (long)vectorOf[row]).ToArray()));
                var truth = tensor(batch.Select(row => rows[row].Unsafe ? 1f : 0f).ToArray());
                optimiser.zero_grad();
                functional.binary_cross_entropy_with_logits(head.call(input).squeeze(1), truth).backward();
                optimiser.step();
            }
        }
    }
}
