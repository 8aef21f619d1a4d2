using System.CommandLine;
using GuardSharp.Evaluation.Html;

namespace GuardSharp.CommandLine;

/// <summary><c>attack report</c>: folders of attacks to one HTML file.</summary>
internal static class AttackReportCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("report", "Writes one HTML file about attacks that came to their end: the table, success by setting, rows before and after.");
        var folders = new Argument<string[]>("folder") { Arity = ArgumentArity.OneOrMore, Description = "Output folders of attacks: pgd, gcg, black box.", HelpName = "DIR" };
        var output = new Option<string>("--output") { Description = "The file to write.", HelpName = "FILE.html", DefaultValueFactory = _ => "attacks.html" };
        var rows = new Option<int>("--rows") { Description = "Rows of each attack that are shown, 0 to 100.", HelpName = "N", DefaultValueFactory = _ => 12 };
        var noTexts = new Option<bool>("--no-texts") { Description = "Leave texts and pictures out." };
        command.Add(folders);
        foreach (var option in (Option[])[output, rows, noTexts])
        {
            command.Add(option);
        }

        command.SetAction(parsed =>
        {
            var path = parsed.GetValue(output)!;
            AttackReport.Write(path, parsed.GetValue(folders)!, new PageOptions { Mistakes = parsed.GetValue(rows), Texts = !parsed.GetValue(noTexts) }, TimeProvider.System.GetUtcNow());
            terminal.Out.WriteLine(path);
            return ExitCode.Done;
        });
        return command;
    }
}
