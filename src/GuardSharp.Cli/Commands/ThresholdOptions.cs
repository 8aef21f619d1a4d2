using System.CommandLine;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation;
using GuardSharp.Evaluation.Thresholds;

namespace GuardSharp.Cli.Commands;

/// <summary>The options that let a threshold be chosen on a development file.</summary>
internal sealed class ThresholdOptions
{
    private readonly Option<string?> _targetFpr = new("--target-fpr") { Description = "Choose the threshold on --dev: the lowest that flags at most this share of its safe rows, such as 0.05.", HelpName = "X" };
    private readonly Option<bool> _bestF1 = new("--best-f1") { Description = "Choose the threshold on --dev: the one of the best F1." };
    private readonly Option<string?> _dev = new("--dev") { Description = "Labelled development file that the threshold is chosen on; best not the measured one.", HelpName = "FILE" };
    private readonly Option<string?> _devPredictions = new("--dev-predictions") { Description = "With --predictions: the predictions of the development file.", HelpName = "FILE.jsonl" };

    /// <summary>Adds the options.</summary>
    public ThresholdOptions AddTo(Command command)
    {
        command.Add(_targetFpr);
        command.Add(_bestF1);
        command.Add(_dev);
        command.Add(_devPredictions);
        return this;
    }

    /// <summary>The predictions of the development file, or null.</summary>
    public string? DevelopmentPredictions(ParseResult parsed) => parsed.GetValue(_devPredictions);

    /// <summary>What is to be chosen; null: nothing.</summary>
    /// <param name="parsed">The arguments.</param>
    /// <param name="given">A threshold that was given where no guard can be told of it; null: none.</param>
    public ThresholdRequest? Read(ParseResult parsed, double? given)
    {
        var (target, best, dev) = (parsed.GetValue(_targetFpr), parsed.GetValue(_bestF1), parsed.GetValue(_dev));
        if (target is null && !best)
        {
            return dev is not null
                ? throw new GuardException("--dev is the file a threshold is chosen on: say how with --target-fpr X or --best-f1.")
                : given is { } value ? new ThresholdRequest(ThresholdGoal.Fixed, value, null) : null;
        }

        if ((target is not null && best) || given is not null)
        {
            throw new GuardException("Give one of --threshold, --target-fpr and --best-f1.");
        }

        return new ThresholdRequest(
            best ? ThresholdGoal.BestF1 : ThresholdGoal.TargetFpr,
            target is null ? 0 : ModelOptions.Probability("--target-fpr", target),
            dev ?? throw new GuardException("A threshold is chosen on a development file: give it with --dev FILE."));
    }
}
