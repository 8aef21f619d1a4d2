using System.CommandLine;
using GuardSharp.Evaluation.Reports;

namespace GuardSharp.Cli.Commands;

/// <summary>The options that say how metrics are computed.</summary>
internal sealed class ReportOptionSet
{
    private readonly Option<int> _seed = new("--seed") { Description = "Seed of the bootstrap intervals.", DefaultValueFactory = _ => 1 };
    private readonly Option<int> _resamples = new("--resamples") { Description = "Bootstrap resamples, 0 to 100000; 0 leaves the intervals of all but rates out.", DefaultValueFactory = _ => 1000 };

    /// <summary>Adds the options.</summary>
    public ReportOptionSet AddTo(Command command)
    {
        command.Add(_seed);
        command.Add(_resamples);
        return this;
    }

    /// <summary>What they say.</summary>
    public ReportOptions Read(ParseResult parsed) => new(
        parsed.GetValue(_resamples) is >= 0 and <= 100_000 and var resamples
            ? resamples
            : throw new GuardException($"--resamples is {parsed.GetValue(_resamples)}; it must be from 0 to 100000."),
        (ulong)(uint)parsed.GetValue(_seed));
}
