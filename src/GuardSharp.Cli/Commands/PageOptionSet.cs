using System.CommandLine;
using GuardSharp.Evaluation.Html;
using GuardSharp.Evaluation.Reports;

namespace GuardSharp.Cli.Commands;

/// <summary>The options that say what report.html shows.</summary>
internal sealed class PageOptionSet
{
    private readonly Option<int> _mistakes = new("--mistakes") { Description = $"Mistakes of each kind that {EvaluationReport.File} shows, 0 to 100.", HelpName = "N", DefaultValueFactory = _ => 10 };
    private readonly Option<bool> _noTexts = new("--no-texts") { Description = $"Leave texts and pictures of rows out of {EvaluationReport.File}." };
    private readonly Option<string?> _report = new("--report") { Description = "Write the report here too; the way to have one with --predictions.", HelpName = "FILE.html" };

    /// <summary>Adds the options.</summary>
    public PageOptionSet AddTo(Command command)
    {
        command.Add(_mistakes);
        command.Add(_noTexts);
        command.Add(_report);
        return this;
    }

    /// <summary>What they say.</summary>
    public PageOptions Read(ParseResult parsed) => new() { Mistakes = parsed.GetValue(_mistakes), Texts = !parsed.GetValue(_noTexts) };

    /// <summary>Writes the report where one was asked for by name.</summary>
    public void WriteReport(ParseResult parsed, EvaluationResult result)
    {
        if (parsed.GetValue(_report) is { } path)
        {
            EvaluationReport.Write(path, result, new ReportFacts(TimeProvider.System.GetUtcNow()) { Page = Read(parsed) });
        }
    }
}
