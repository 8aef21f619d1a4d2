using GuardSharp.Lab.Training.Pretrained;
using GuardSharp.Lab.Training.Words;
using GuardSharp.Torch;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace GuardSharp.Lab.Training.Text;

/// <summary>The parts of a batch's loss, as numbers.</summary>
internal readonly record struct LossParts(double Total, double Verdict, double Categories, double Pooled, double Vector)
{
    /// <summary>Part by part.</summary>
    public static LossParts operator +(LossParts a, LossParts b) =>
        new(a.Total + b.Total, a.Verdict + b.Verdict, a.Categories + b.Categories, a.Pooled + b.Pooled, a.Vector + b.Vector);

    /// <summary>Every part divided.</summary>
    public static LossParts operator /(LossParts a, double by) => new(a.Total / by, a.Verdict / by, a.Categories / by, a.Pooled / by, a.Vector / by);
}

/// <summary>
/// The loss of a batch: the verdict token and the category list over the answer's tokens and random others, and two readings of the mean of the
/// judged text by heads that are thrown away: the verdict, and the teacher's sentence vector.
/// </summary>
/// <remarks>Shapes: B sequences, N tokens of all, A answer positions, C candidate tokens.</remarks>
internal sealed class TextLoss : IDisposable
{
    private const float Epsilon = 1e-5f;
    private readonly LossConfig _config;
    private readonly ExampleEncoder _encoder;
    private readonly TeacherKnowledge? _teacher;
    private readonly Random _random;
    private readonly int _vocabulary;

    /// <summary>Makes the throw-away heads.</summary>
    public TextLoss(LossConfig config, ExampleEncoder encoder, TeacherKnowledge? teacher, (int Hidden, int Vocabulary) size, int seed)
    {
        _config = config;
        _encoder = encoder;
        _teacher = teacher;
        _vocabulary = size.Vocabulary;
        _random = new Random(seed);
        using var generator = new Generator((ulong)seed);
        PooledHead = New(zeros(1, size.Hidden));
        VectorHead = New(randn([UseLiteEncoder.VectorSize, size.Hidden], generator: generator) * 0.02);
    }

    /// <summary>Mean of the judged text to the verdict's logit: [1, hidden].</summary>
    public Tensor PooledHead { get; }

    /// <summary>Mean of the judged text to the teacher's vector: [512, hidden].</summary>
    public Tensor VectorHead { get; }

    /// <summary>The candidates of a batch: the answer's tokens and random others, each once.</summary>
    public int[] DrawCandidates() =>
        [.. _encoder.AnswerTokens, .. Enumerable.Range(0, _config.NegativeTokens).Select(_ => _random.Next(_vocabulary)).Distinct().Except(_encoder.AnswerTokens)];

    /// <summary>The loss, ready for backward, and its parts.</summary>
    public (Tensor Loss, LossParts Parts) Of(TextNetwork network, IReadOnlyList<TrainingExample> batch, Tensors.Tensor hidden, int[] candidates)
    {
        var normed = network.Network.Final(hidden, [.. Enumerable.Range(0, hidden.Rows)]);              // [N, hidden]
        var mean = JudgedMean(TorchOps.AsTorch(network.Ops.RmsNorm(hidden, null, Epsilon)), batch);                                       // [B, hidden]
        var (verdict, categories) = AnswerLoss(network, normed, batch, candidates);
        var targets = batch.Select(Target).ToArray();
        var pooled = nn.functional.binary_cross_entropy_with_logits(nn.functional.linear(mean, PooledHead).squeeze(1), tensor(targets));
        var vector = VectorLoss(mean, batch);
        var total = (verdict * _config.Verdict) + (categories * _config.Categories) + (pooled * _config.Pooled) + (vector * _config.Vector);
        return (total, new LossParts(total.item<float>(), verdict.item<float>(), categories.item<float>(), pooled.item<float>(), vector.item<float>()));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        PooledHead.Dispose();
        VectorHead.Dispose();
    }

    private static Tensor New(Tensor value) => value.requires_grad_(true).DetachFromDisposeScope();

    /// <summary>The probability of unsafe to learn: label and teacher mixed, a little smoothed.</summary>
    private float Target(TrainingExample example)
    {
        var target = example.Unsafe ? 1.0 : 0.0;
        if (_teacher is not null && _teacher.Opinions.Unsafe[example.Row] is var opinion && !float.IsNaN(opinion))
        {
            var share = example.OpinionOnly ? 1 : _config.Teacher;
            target = ((1 - share) * target) + (share * opinion);
        }

        return (float)((target * (1 - _config.Smoothing)) + (_config.Smoothing / 2));
    }

    private static Tensor JudgedMean(Tensor normed, IReadOnlyList<TrainingExample> batch)
    {
        var rows = new List<long>();
        var owner = new List<long>();
        var first = 0;
        foreach (var (index, example) in batch.Index())
        {
            for (var at = 0; at < example.JudgedLength; at++)
            {
                rows.Add(first + example.JudgedStart + at);
                owner.Add(index);
            }

            first += example.Ids.Length;
        }

        var sum = zeros(batch.Count, normed.shape[1]).index_add(0, tensor(owner.ToArray()), normed.index_select(0, tensor(rows.ToArray())), 1);
        return sum / tensor(batch.Select(example => (float)example.JudgedLength).ToArray()).unsqueeze(1);
    }

    private (Tensor Verdict, Tensor Categories) AnswerLoss(
        TextNetwork network, Tensors.Tensor normed, IReadOnlyList<TrainingExample> batch, int[] candidates)
    {
        var place = candidates.Index().ToDictionary(entry => entry.Item, entry => (long)entry.Index);
        var rows = new List<int>();
        var wanted = new List<long>();
        var verdicts = new List<long>();
        var first = 0;
        foreach (var example in batch)
        {
            verdicts.Add(rows.Count);
            for (var at = 0; at < example.Targets.Length; at++)
            {
                rows.Add(first + example.PromptLength - 1 + at);
                wanted.Add(place[example.Targets[at]]);
            }

            first += example.Ids.Length;
        }

        var logits = TorchOps.AsTorch(network.Network.Logits(network.Ops.GatherRows(normed, [.. rows]), candidates)); // [A, C]
        var logs = nn.functional.log_softmax(logits, 1);
        var at0 = logs.index_select(0, tensor(verdicts.ToArray()));                                     // [B, C]
        var unsafeTarget = tensor(batch.Select(Target).ToArray());
        var verdict = -((at0.select(1, place[_encoder.Unsafe]) * unsafeTarget) + (at0.select(1, place[_encoder.Safe]) * (1 - unsafeTarget))).mean();
        var (firsts, distributions) = FirstCategories(batch, verdicts);
        var rest = Enumerable.Range(0, rows.Count).Select(row => (long)row).Except(verdicts).Except(firsts).ToArray();
        var categories = rest.Length == 0
            ? zeros(1).squeeze(0)
            : nn.functional.nll_loss(logs.index_select(0, tensor(rest)), tensor(rest.Select(row => wanted[(int)row]).ToArray()));
        if (firsts.Length > 0)
        {
            var numbers = tensor(_encoder.CategoryNumbers.Select(token => place[token]).ToArray());
            var soft = tensor(distributions, [firsts.Length, CategoryTargets.Count]);
            categories -= (logs.index_select(0, tensor(firsts)).index_select(1, numbers) * soft).sum(1).mean();
        }

        return (verdict, categories);
    }

    /// <summary>
    /// Rows of the first category's number, where the teachers have a distribution for it, and what to learn there: label and teachers mixed. The
    /// name of the category is most of what the list says, so it weighs as much as all the rest.
    /// </summary>
    private (long[] Rows, float[] Distributions) FirstCategories(IReadOnlyList<TrainingExample> batch, List<long> verdicts)
    {
        var rows = new List<long>();
        var distributions = new List<float>();
        if (_teacher is null || _config.CategoryTeacher <= 0)
            return ([], []);
        foreach (var (index, example) in batch.Index())
        {
            if (example.Targets.Length <= ExampleEncoder.FirstCategory || _teacher.Opinions.Categories[example.Row] is not { } opinion)
                continue;
            var labelled = Array.IndexOf(_encoder.CategoryNumbers, example.Targets[ExampleEncoder.FirstCategory]);
            var isGuess = example.Targets.Length == ExampleEncoder.FirstCategory + 1;
            var share = isGuess ? 1 : (float)_config.CategoryTeacher;
            rows.Add(verdicts[index] + ExampleEncoder.FirstCategory);
            distributions.AddRange(opinion.Select((value, code) => (share * value) + (code == labelled && !isGuess ? 1 - share : 0)));
        }

        return ([.. rows], [.. distributions]);
    }

    private Tensor VectorLoss(Tensor read, IReadOnlyList<TrainingExample> batch)
    {
        var taught = _teacher is null ? [] : batch.Index().Where(entry => _teacher.VectorOf[entry.Item.Row] >= 0).ToArray();
        if (taught.Length == 0)
            return zeros(1).squeeze(0);
        var guess = nn.functional.linear(read.index_select(0, tensor(taught.Select(entry => (long)entry.Index).ToArray())), VectorHead);
        var truth = _teacher!.Vectors.index_select(0, tensor(taught.Select(entry => (long)_teacher.VectorOf[entry.Item.Row]).ToArray()));
        return 1 - nn.functional.cosine_similarity(guess, truth, 1).mean();
    }
}
