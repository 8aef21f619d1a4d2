using GuardSharp.Evaluation.Metrics;
using GuardSharp.Lab.Training.Rows;
using GuardSharp.Lab.Training.Words;
using GuardSharp.Tokenization;

namespace GuardSharp.Lab.Training.Text;

/// <summary>How a network does on the development rows.</summary>
/// <param name="Auroc">AUROC of each source with at least 50 rows of each class, and of JailbreakBench responses.</param>
/// <param name="MeanAuroc">Mean over the sources with at least 50 rows of each class.</param>
/// <param name="Temperature">Divisor of the logit difference with the least negative log-likelihood, every source and class weighing the same.</param>
/// <param name="Threshold">Probability (after the temperature) at which the means over sources of recall and, weighing a quarter more, of specificity are best, among those that keep false positives on our own safe rows at 8 % or less on the mean of the languages.</param>
/// <param name="Categories">Share of rows whose first named category is a labelled one, for each language of the sources made to test categories.</param>
/// <param name="Recall">Mean over sources with unsafe rows at the threshold.</param>
/// <param name="Specificity">Mean over sources with safe rows at the threshold.</param>
internal sealed record DevReport(
    IReadOnlyDictionary<string, double> Auroc, double MeanAuroc, IReadOnlyDictionary<string, double> Categories, double Temperature, double Threshold, double Recall, double Specificity)
{
    /// <summary>Share of our own safe rows at or above the threshold, for each language that has enough of them.</summary>
    public IReadOnlyDictionary<string, double> WrittenFalsePositives { get; init; } = new Dictionary<string, double>();

    /// <summary>What decides between runs: the mean of the sources, moderation and responses once more each.</summary>
    public double Choice => (MeanAuroc + Auroc.GetValueOrDefault("openai-moderation") + Auroc.GetValueOrDefault("jbb-artifacts")) / 3;

    /// <summary>One line.</summary>
    public override string ToString() =>
        $"mean AUROC {MeanAuroc:F3} ({string.Join(", ", Auroc.Select(pair => $"{pair.Key} {pair.Value:F3}"))}); right categories {string.Join(", ", Categories.Select(pair => $"{pair.Key} {pair.Value:F2}"))}; recall {Recall:F2}, specificity {Specificity:F2} at {Threshold:F2}, temperature {Temperature:F2}"
        + (WrittenFalsePositives.Count == 0 ? "" : $"; false positives {string.Join(", ", WrittenFalsePositives.Select(pair => $"{pair.Key} {pair.Value:F3}"))}");
}

/// <summary>Scores the development rows and finds temperature and threshold on them.</summary>
internal sealed class DevEvaluation(IReadOnlyList<TrainingRow> rows, IReadOnlyList<TrainingExample> examples)
{
    private const int MinRowsOfEachClass = 50;
    private const int BatchTokens = 4096;

    /// <summary>Most development rows of a source that holds one verdict only, for each language: enough for a rate.</summary>
    private const int MaxRowsOfOneVerdict = 60;

    /// <summary>Development prompts are cut here: the few longer ones would cost as much as all others.</summary>
    private const int MaxTokens = 768;

    /// <summary>Safe rows of our own in a language from which on they count when the threshold is bound.</summary>
    private const int MinWrittenSafe = 100;

    /// <summary>Highest share of false positives among them, on the mean of the languages.</summary>
    private const double MaxFalsePositives = 0.08;

    /// <summary>Between thresholds that do about as well, the one that troubles harmless texts less.</summary>
    private const double SpecificityWeight = 1.25;

    /// <summary>The rows that are judged during a run: all of sources with both verdicts and our own, some of the others.</summary>
    public static DevEvaluation Of(IReadOnlyList<TrainingRow> rows, ITokenizer tokenizer)
    {
        var encoder = new ExampleEncoder(tokenizer, MaxTokens);
        var bothVerdicts = rows.GroupBy(row => row.Source).Where(group => group.Any(row => row.Unsafe) && group.Any(row => !row.Unsafe)).Select(group => group.Key).ToHashSet();
        var chosen = rows.Index().GroupBy(entry => (entry.Item.Source, entry.Item.Language))
            .SelectMany(group => bothVerdicts.Contains(group.Key.Source) || group.Key.Source == TrainingRow.WrittenSource ? group : group.Take(MaxRowsOfOneVerdict));
        return new DevEvaluation(rows, [.. chosen.Select(entry => encoder.Encode(entry.Index, entry.Item)).OfType<TrainingExample>()]);
    }

    /// <summary>Judges all rows.</summary>
    public DevReport Run(TextNetwork network, ExampleEncoder encoder) => Report(Score(network, encoder), Categories(network, encoder));

    /// <summary>Which category the network names first, given that it says unsafe.</summary>
    private SortedDictionary<string, double> Categories(TextNetwork network, ExampleEncoder encoder)
    {
        network.Ops.Gradients = false;
        var asked = examples.Where(example => rows[example.Row].Source is "ailuminate" or "catqa" && example.Targets.Length > ExampleEncoder.FirstCategory).ToList();
        var right = new Dictionary<TrainingExample, bool>(ReferenceEqualityComparer.Instance);
        foreach (var batch in BatchPlanner.Plan(asked, BatchTokens, new Random(0)).Where(batch => batch.Length > 0))
        {
            using var scope = network.Ops.Scope();
            var hidden = network.Forward(batch, promptsOnly: false);
            var end = 0;
            int[] places = [.. batch.Select(example => (end += example.Ids.Length) - example.Ids.Length + example.PromptLength - 1 + ExampleEncoder.FirstCategory)];
            var values = new float[batch.Length * CategoryTargets.Count];
            network.Ops.Read(network.Network.Logits(network.Network.Final(hidden, places), encoder.CategoryNumbers), values);
            foreach (var (index, example) in batch.Index())
            {
                var scores = values.AsSpan(index * CategoryTargets.Count, CategoryTargets.Count).ToArray();
                right[example] = rows[example.Row].Categories.Contains($"S{Array.IndexOf(scores, scores.Max()) + 1}");
            }
        }

        network.Ops.Gradients = true;
        return new SortedDictionary<string, double>(asked.GroupBy(example => $"{rows[example.Row].Source} {rows[example.Row].Language}")
            .ToDictionary(group => group.Key, group => group.Average(example => right[example] ? 1.0 : 0)));
    }

    /// <summary>logit(unsafe) - logit(safe) of every example.</summary>
    private double[] Score(TextNetwork network, ExampleEncoder encoder)
    {
        network.Ops.Gradients = false;
        var scores = new double[examples.Count];
        var order = new Dictionary<TrainingExample, int>(examples.Index().Select(entry => KeyValuePair.Create(entry.Item, entry.Index)), ReferenceEqualityComparer.Instance);
        foreach (var batch in BatchPlanner.Plan(examples, BatchTokens, new Random(0)))
        {
            using var scope = network.Ops.Scope();
            var hidden = network.Forward(batch, promptsOnly: true);
            var last = 0;
            int[] rowsOfVerdict = [.. batch.Select(example => (last += example.PromptLength) - 1)];
            var logits = network.Network.Logits(network.Network.Final(hidden, rowsOfVerdict), [encoder.Safe, encoder.Unsafe]);
            var values = new float[batch.Length * 2];
            network.Ops.Read(logits, values);
            for (var row = 0; row < batch.Length; row++)
                scores[order[batch[row]]] = values[(2 * row) + 1] - values[2 * row];
        }

        network.Ops.Gradients = true;
        return scores;
    }

    private DevReport Report(double[] scores, IReadOnlyDictionary<string, double> categories)
    {
        var bySource = Enumerable.Range(0, scores.Length).GroupBy(index => rows[examples[index].Row].Source).ToDictionary(group => group.Key, group => group.ToArray());
        var auroc = new SortedDictionary<string, double>();
        var balanced = new List<double>();
        foreach (var (source, members) in bySource)
        {
            var unsafeCount = members.Count(index => examples[index].Unsafe);
            if (unsafeCount == 0 || unsafeCount == members.Length)
                continue;
            var enough = Math.Min(unsafeCount, members.Length - unsafeCount) >= MinRowsOfEachClass;
            if (!enough && source != "jbb-artifacts")
                continue;
            auroc[source] = BinaryMetrics.Of([.. members.Select(index => examples[index].Unsafe)], [.. members.Select(index => scores[index])], 0).Auroc!.Value;
            if (enough && source != TrainingRow.WrittenSource) // our own rows say what false positives are, not how we compare
                balanced.Add(auroc[source]);
        }

        var weights = Weights(bySource);
        var temperature = BestTemperature(scores, weights);
        double[] probabilities = [.. scores.Select(score => 1 / (1 + Math.Exp(-score / temperature)))];
        var (threshold, recall, specificity) = BestThreshold(probabilities, weights);
        return new DevReport(auroc, balanced.DefaultIfEmpty(0).Average(), categories, temperature, threshold, recall, specificity)
        {
            WrittenFalsePositives = new SortedDictionary<string, double>(
                WrittenSafe().ToDictionary(group => group.Key, group => group.Average(index => probabilities[index] >= threshold ? 1.0 : 0))),
        };
    }

    /// <summary>Every source counts the same within a class, and both classes the same: bulk sources decide nothing.</summary>
    private double[] Weights(Dictionary<string, int[]> bySource)
    {
        var weights = new double[examples.Count];
        foreach (var unsafeClass in (bool[])[false, true])
        {
            var groups = bySource.Values.Select(members => members.Where(index => examples[index].Unsafe == unsafeClass).ToArray()).Where(members => members.Length > 0).ToList();
            foreach (var members in groups)
            {
                foreach (var index in members)
                    weights[index] = 0.5 / groups.Count / members.Length;
            }
        }

        return weights;
    }

    private double BestTemperature(double[] scores, double[] weights) =>
        Enumerable.Range(-10, 31).Select(step => Math.Pow(1.15, step)).MinBy(temperature => Enumerable.Range(0, scores.Length)
            .Sum(index => weights[index] * Math.Log(1 + Math.Exp((examples[index].Unsafe ? -1 : 1) * scores[index] / temperature))));

    /// <summary>Our own safe rows by language, where there are enough.</summary>
    private IEnumerable<IGrouping<string, int>> WrittenSafe() =>
        Enumerable.Range(0, examples.Count).Where(index => !examples[index].Unsafe && rows[examples[index].Row].Source == TrainingRow.WrittenSource)
            .GroupBy(index => rows[examples[index].Row].Language).Where(group => group.Count() >= MinWrittenSafe);

    /// <summary>The lowest threshold at which, on the mean of the languages, at most 8 % of the safe rows of our own are taken for unsafe; 0.1 at least.</summary>
    private double LowestThreshold(double[] probabilities)
    {
        var languages = WrittenSafe().Select(group => group.Select(index => probabilities[index]).ToArray()).ToList();
        if (languages.Count == 0)
            return 0.1;
        return Enumerable.Range(10, 90).Select(percent => percent / 100.0)
            .First(threshold => threshold >= 0.99 || languages.Average(language => language.Average(probability => probability >= threshold ? 1.0 : 0)) <= MaxFalsePositives);
    }

    private (double Threshold, double Recall, double Specificity) BestThreshold(double[] probabilities, double[] weights)
    {
        var lowest = LowestThreshold(probabilities);
        var best = (Threshold: 0.5, Recall: -1.0, Specificity: 0.0);
        for (var threshold = Math.Min(lowest, 0.9); threshold < 0.91; threshold += 0.01)
        {
            var (recall, specificity) = (0.0, 0.0);
            for (var index = 0; index < probabilities.Length; index++)
            {
                if (examples[index].Unsafe && probabilities[index] >= threshold)
                    recall += 2 * weights[index];
                else if (!examples[index].Unsafe && probabilities[index] < threshold)
                    specificity += 2 * weights[index];
            }

            if (recall + (SpecificityWeight * specificity) > best.Recall + (SpecificityWeight * best.Specificity))
                best = (Math.Round(threshold, 2), recall, specificity);
        }

        return best;
    }
}
