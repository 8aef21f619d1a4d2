using GuardSharp.Checkpoints.Quantization;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Policies;

namespace GuardSharp.Tests.Checkpoints.Quantization;

/// <summary>What quantisation costs the embedded default: verdicts of development data, against those in single precision.</summary>
public sealed class QuantisedQualityTests : IDisposable
{
    // Every sixth of 7,403 rows: about 3 s a model. The whole file is in docs/decisions/0014-quantisation.md.
    private const int Step = 6;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // The bounds of the plan: int8 0.002 of AUROC and 0.5 % of verdicts, int4 0.01 and 2 %. The whole file gives 0.0000 and 0.03 %, 0.0002 and 0.46 %.
    [Theory]
    [InlineData("int8", 0.002, 0.005)]
    [InlineData("int4", 0.01, 0.02)]
    public async Task Few_verdicts_of_the_development_data_change(string scheme, double auroc, double flips)
    {
        var samples = SampleReader.Read(TestFiles.Shared("data", "guard-dev.jsonl.gz"), labelled: true).Where((_, i) => i % Step == 0).ToList();
        new FolderQuantisation(GuardClassifier.DefaultModelFolder, QuantisationScheme.Find(scheme)).Run(_folder["q"], (_, _) => { }, TestContext.Current.CancellationToken);
        var before = await JudgeAsync(GuardClassifier.DefaultModelFolder, samples);
        var after = await JudgeAsync(_folder["q"], samples);
        Assert.InRange(Math.Abs(Auroc(samples, before) - Auroc(samples, after)), 0, auroc);
        Assert.InRange(before.Zip(after).Count(pair => pair.First.Unsafe != pair.Second.Unsafe), 0, samples.Count * flips);
        Assert.NotEqual(before.Select(verdict => verdict.UnsafeProbability), after.Select(verdict => verdict.UnsafeProbability));
    }

    private static async Task<IReadOnlyList<Verdict>> JudgeAsync(string folder, List<Sample> samples)
    {
        await using var guard = GuardClassifier.Load(folder);
        var verdicts = new List<Verdict>();
        foreach (var batch in samples.Chunk(32))
        {
            verdicts.AddRange(await guard.ClassifyAsync([.. batch.Select(sample => sample.Conversation)], null, TestContext.Current.CancellationToken));
        }

        return verdicts;
    }

    /// <summary>The chance that an unsafe row has the higher probability; ties count a half.</summary>
    private static double Auroc(List<Sample> samples, IReadOnlyList<Verdict> verdicts)
    {
        var rows = samples.Zip(verdicts, (sample, verdict) => (Unsafe: sample.Unsafe == true, verdict.UnsafeProbability)).ToList();
        double[] unsafeRows = [.. rows.Where(row => row.Unsafe).Select(row => row.UnsafeProbability)];
        double[] safeRows = [.. rows.Where(row => !row.Unsafe).Select(row => row.UnsafeProbability)];
        return unsafeRows.Sum(high => safeRows.Sum(low => high > low ? 1 : high == low ? 0.5 : 0)) / unsafeRows.Length / safeRows.Length;
    }
}
