using System.Globalization;

namespace GuardSharp.Policies;

/// <summary>How verdicts are read.</summary>
internal sealed record ReadingOptions
{
    /// <summary>The conversation is unsafe when u reaches it, in [0, 1].</summary>
    public double Threshold { get; init; } = 0.5;

    /// <summary>u = sigmoid((logit of unsafe - logit of safe) / temperature); above 0.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Thresholds of single categories, by code.</summary>
    public IReadOnlyDictionary<string, double> CategoryThresholds { get; init; } = new Dictionary<string, double>();

    /// <summary>Looks at the full vocabulary before the verdict and reports the answer mass.</summary>
    public bool Check { get; init; }

    /// <summary>Reads the first code of the list only: one round, lower bounds for the probabilities.</summary>
    public bool FirstCodeOnly { get; init; }

    /// <summary>Lists are expanded until u x unexpanded mass is at most this...</summary>
    public double CategoryTolerance { get; init; } = 0.02;

    /// <summary>...or this many are expanded.</summary>
    public int MaxExpansions { get; init; } = 16;

    /// <summary>Lists expanded in one call of the model at most.</summary>
    public int MaxBatch { get; init; } = 8;
}

/// <summary>What a model's logits say about a conversation.</summary>
internal sealed record VerdictReading(
    bool Unsafe,
    double UnsafeProbability,
    IReadOnlyList<string> Categories,
    IReadOnlyDictionary<string, double> CategoryProbabilities,
    double CategoryUncertainty,
    double? AnswerMass,
    IReadOnlyList<string> Warnings);

/// <summary>Reads a verdict from logits, so that an answer which cannot be parsed does not occur.</summary>
/// <remarks>
/// u = P(unsafe) is the softmax over the logits of "safe" and "unsafe" at the verdict's position. The probability of category k is
/// u x P(k is in the list) = u x the sum over lists without k of P(list so far) x q(k | list so far). Lists are expanded best first; the sum
/// so far is the value, so the true one lies between value and value + uncertainty, uncertainty = u x unexpanded mass. Where u itself is at
/// most the tolerance nothing is expanded: values 0, uncertainty u. Safe from any thread. Source: docs/prompts.md, "Answer".
/// </remarks>
internal sealed class VerdictReader(AnswerGrammar grammar, ReadingOptions options)
{
    private const int MaxNewlines = 2;
    private const double LowestAnswerMass = 0.5;

    /// <summary>Reads the verdict of a model that has read the prompt.</summary>
    /// <exception cref="GuardException">A logit is NaN or infinite: there is no verdict.</exception>
    public async ValueTask<VerdictReading> ReadAsync(IAnswerModel model, CancellationToken cancellationToken)
    {
        var answers = new FiniteAnswers(model);
        var (prefix, u, mass) = options.Check
            ? await CheckAsync(answers, cancellationToken).ConfigureAwait(false)
            : await ReadVerdictAsync(answers, cancellationToken).ConfigureAwait(false);
        var search = new CategorySearch(grammar, options, prefix, u);
        await search.RunAsync(answers, cancellationToken).ConfigureAwait(false);
        var categories = search.Categories();
        return new VerdictReading(
            u >= options.Threshold || categories.Count > 0,
            u,
            categories,
            search.Probabilities(),
            search.Uncertainty,
            mass,
            Warnings(mass));
    }

    private async ValueTask<(int[] Prefix, double U, double? Mass)> ReadVerdictAsync(FiniteAnswers model, CancellationToken cancellationToken)
    {
        int[] prefix = [.. grammar.Prefix];
        var rows = await model.NextLogitsAsync([prefix], [grammar.SafeToken, grammar.UnsafeToken], cancellationToken).ConfigureAwait(false);
        return (prefix, Sigmoid(rows[0][0], rows[0][1]), null);
    }

    /// <summary>Feeds newlines while the model wants one, then reads u and how much of its mass is an answer at all.</summary>
    private async ValueTask<(int[] Prefix, double U, double? Mass)> CheckAsync(FiniteAnswers model, CancellationToken cancellationToken)
    {
        List<int> prefix = [];
        while (true)
        {
            var logits = (await model.NextLogitsAsync([[.. prefix]], null, cancellationToken).ConfigureAwait(false))[0];
            var best = Array.IndexOf(logits, logits.Max());
            if (prefix.Count < MaxNewlines && grammar.NewlineTokens.Contains(best))
            {
                prefix.Add(best);
                continue;
            }

            var top = (double)logits[best];
            var answers = Math.Exp(logits[grammar.SafeToken] - top) + Math.Exp(logits[grammar.UnsafeToken] - top);
            var mass = answers / logits.Sum(l => Math.Exp(l - top));
            return ([.. prefix], Sigmoid(logits[grammar.SafeToken], logits[grammar.UnsafeToken]), mass);
        }
    }

    private double Sigmoid(double safe, double @unsafe) => 1 / (1 + Math.Exp((safe - @unsafe) / options.Temperature));

    private List<string> Warnings(double? mass)
    {
        List<string> warnings = [];
        if (mass < LowestAnswerMass)
        {
            warnings.Add(string.Create(CultureInfo.InvariantCulture,
                $"off-template: safe and unsafe together hold {mass:0.000} of the model's next token; does the prompt's variant fit the model?"));
        }

        if (options.FirstCodeOnly)
            warnings.Add("first-code-only: category probabilities count the first code of the list alone");
        return warnings;
    }
}
