using GuardSharp.Evaluation.Datasets;
using GuardSharp.Lab.Training.Rows;
using GuardSharp.Lab.Training.Words;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace GuardSharp.Lab.Training.Pretrained;

/// <summary>What the teachers say about the rows.</summary>
/// <param name="Vectors">Sentence vectors of the distinct English texts: [V, 512].</param>
/// <param name="VectorOf">For each row the vector of its judged text or of its English translation, or -1.</param>
/// <param name="Opinions">Verdicts and categories, from heads that did not see the row.</param>
internal sealed record TeacherKnowledge(Tensor Vectors, int[] VectorOf, TeacherOpinions Opinions);

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
    private const int VerdictEpochs = 4;
    private const int CategoryEpochs = 12; // few rows name a category
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

    private TeacherOpinions Judge(IReadOnlyList<TrainingRow> rows, Mixture mixture, Tensor vectors, int[] vectorOf, Action<string> report)
    {
        var opinions = new TeacherOpinions(new float[rows.Count], new float[rows.Count][]);
        Array.Fill(opinions.Unsafe, float.NaN);
        var fold = vectorOf.Select(vector => vector % Folds).ToArray(); // the same text, or a translation, is in one part
        bool IsEnglish(int row) => vectorOf[row] >= 0 && rows[row].Language == "en" && !rows[row].IsResponse && rows[row].Source != OpinionRows.Source;
        var mixed = mixture.DrawEpoch(new Random(seed)).Where(IsEnglish).ToArray();
        var named = mixed.Where(row => rows[row].Categories.Count > 0).ToArray();
        for (var part = 0; part < Folds; part++)
        {
            using var scope = NewDisposeScope();
            var judged = Enumerable.Range(0, rows.Count).Where(row => fold[row] == part && vectorOf[row] >= 0 && !rows[row].IsResponse).ToArray();
            using var verdict = Head(1);
            Train(verdict, VerdictEpochs, [.. mixed.Where(row => fold[row] != part)], vectors, vectorOf, (head, input, batch) => functional.binary_cross_entropy_with_logits(
                head.call(input).squeeze(1), tensor(batch.Select(row => rows[row].Unsafe ? 1f : 0f).ToArray())));
            using var category = Head(CategoryTargets.Count);
            Train(category, CategoryEpochs, [.. named.Where(row => fold[row] != part)], vectors, vectorOf, (head, input, batch) => functional.cross_entropy(
                head.call(input), tensor(batch.SelectMany(row => CategoryTargets.Of(rows[row])).ToArray(), [batch.Length, CategoryTargets.Count])));
            using var frozen = no_grad();
            var input = vectors.index_select(0, tensor(judged.Select(row => (long)vectorOf[row]).ToArray()));
            verdict.eval();
            category.eval();
            var verdicts = verdict.call(input).sigmoid().data<float>().ToArray();
            var categories = category.call(input).softmax(1).data<float>().ToArray();
            for (var at = 0; at < judged.Length; at++)
            {
                opinions.Unsafe[judged[at]] = verdicts[at];
                if (rows[judged[at]].Unsafe)
                    opinions.Categories[judged[at]] = categories[(at * CategoryTargets.Count)..((at + 1) * CategoryTargets.Count)];
            }

            report($"teacher: part {part + 1} of {Folds} judged");
        }

        return opinions;
    }

    private static TorchSharp.Modules.Sequential Head(int outputs) => Sequential(
        Linear(UseLiteEncoder.VectorSize, HiddenSize), ReLU(), Dropout(0.3), Linear(HiddenSize, outputs));

    private void Train(TorchSharp.Modules.Sequential head, int epochs, int[] examples, Tensor vectors, int[] vectorOf, Func<TorchSharp.Modules.Sequential, Tensor, int[], Tensor> loss)
    {
        const int BatchRows = 128;
        using var optimiser = optim.AdamW(head.parameters(), lr: 1e-3, weight_decay: 0.05);
        var random = new Random(seed);
        for (var epoch = 0; epoch < epochs; epoch++)
        {
            random.Shuffle(examples);
            foreach (var batch in examples.Chunk(BatchRows))
            {
                using var scope = NewDisposeScope();
                optimiser.zero_grad();
                loss(head, vectors.index_select(0, tensor(batch.Select(row => (long)vectorOf[row]).ToArray())), batch).backward();
                optimiser.step();
            }
        }
    }
}
