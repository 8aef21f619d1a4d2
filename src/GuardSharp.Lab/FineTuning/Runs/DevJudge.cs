using GuardSharp.Evaluation.Metrics;
using GuardSharp.Lab.FineTuning.Network;
using GuardSharp.Lab.FineTuning.Rows;
using GuardSharp.Lab.Training;
using static TorchSharp.torch;

namespace GuardSharp.Lab.FineTuning.Runs;

/// <summary>What the development rows say.</summary>
/// <param name="Rows">How many.</param>
/// <param name="Loss">Mean loss of an answer token.</param>
/// <param name="Metrics">Of P(unsafe), flagged from 0.5 on.</param>
internal sealed record DevReport(int Rows, double Loss, BinaryMetrics Metrics)
{
    /// <summary>A measure's value, larger is better; null where it is not defined for these rows.</summary>
    public double? Value(DevMeasure measure) => measure switch
    {
        DevMeasure.Auroc => Metrics.Auroc,
        DevMeasure.F1 => Metrics.F1,
        _ => -Loss,
    };
}

/// <summary>Judges the development rows with the network as it stands: no changes of the policy, the same packing.</summary>
/// <param name="rows">Where they lie: source and place.</param>
/// <param name="encoder">Makes examples.</param>
/// <param name="pass">The network.</param>
/// <param name="config">Sizes of sequences.</param>
internal sealed class DevJudge(IReadOnlyList<(RowSource Source, int Row)> rows, RowEncoder encoder, PackPass pass, SftConfig config)
{
    /// <summary>Chooses the rows: all, or some drawn by the seed.</summary>
    public static IReadOnlyList<(RowSource Source, int Row)> Choose(IReadOnlyList<RowSource> sources, int? most, int seed)
    {
        var chosen = new List<(RowSource, int)>();
        foreach (var (index, source) in sources.Index())
        {
            int[] order = [.. Enumerable.Range(0, source.Count)];
            if (most < order.Length)
            {
                new Random(Seeds.Mix(seed, "dev", index)).Shuffle(order);
                order = [.. order[..most.Value].Order()];
            }

            chosen.AddRange(order.Select(row => (source, row)));
        }

        return chosen;
    }

    /// <summary>Judges all rows.</summary>
    /// <param name="bad">Told of rows whose pictures turn out to be damaged.</param>
    /// <exception cref="GuardException">No row is left, or a logit is no number.</exception>
    public DevReport Run(BadRows bad)
    {
        var (loss, answers) = (0.0, 0L);
        var scored = new List<ScoredRow>();
        var (safe, @unsafe) = encoder.VerdictTokens;
        foreach (var pack in PackPlanner.Pack(Examples(bad), config.SequenceTokens, config.SequenceImages))
        {
            using var scope = NewDisposeScope();
            using var frozen = no_grad();
            var logits = pass.Judge(pack);                                                           // [answers, vocabulary]
            loss += pass.Loss(logits, pack, 1).item<float>();
            answers += pack.Answers;
            var pair = logits.index_select(1, tensor(new long[] { safe, @unsafe }, device: logits.device)).cpu().data<float>().ToArray();
            var first = 0;
            foreach (var example in pack.Examples)
            {
                var place = 2 * (first + example.Verdict);
                var score = 1 / (1 + Math.Exp(pair[place] - (double)pair[place + 1]));
                scored.Add(new ScoredRow(example.Unsafe, score, score >= 0.5));
                first += example.Targets.Length;
            }
        }

        return scored.Count > 0 ? new DevReport(scored.Count, loss / answers, BinaryMetrics.Of(scored)) : throw new TrainingException(
            $"None of the {rows.Count} development rows can be used any more, the first is {rows[0].Source.Place(rows[0].Row)}. Were their pictures removed?");
    }

    private IEnumerable<SftExample> Examples(BadRows bad)
    {
        foreach (var (source, row) in rows)
        {
            SftExample? example = null;
            try
            {
                example = encoder.Encode(source.Read(row));
            }
            catch (GuardException error)
            {
                bad.Add(source.Place(row), error.Message);
                bad.Check();
            }

            if (example is not null)
            {
                yield return example;
            }
        }
    }
}
