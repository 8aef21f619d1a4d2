using System.CommandLine;
using System.Globalization;
using GuardSharp.Cli.Output;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Datasets;

namespace GuardSharp.Cli.Commands;

/// <summary><c>data check</c>: every bad row by file and line, rows nearly the same, and texts that leak from the development rows.</summary>
internal static class DataCheckCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("check", "Names every bad row of sample files, rows that stand nearly the same, and rows nearly the same as development rows. Exit code 1 when rows are bad or leak.");
        var (files, policy, json) = (DataCommand.Files(), DataCommand.PolicyFile(), DataCommand.Json());
        var against = new Option<string[]>("--against") { Description = "Development rows: what stands nearly the same there is a leak. Repeatable.", HelpName = "FILE" };
        var near = NearDuplicate();
        var output = new Option<string?>("--output") { Description = "Writes the clean rows: none that is bad, leaks or is nearly a row before.", HelpName = "FILE.jsonl[.gz]" };
        var strict = new Option<bool>("--strict") { Description = "Exit with 2 when a row is bad or leaks, and write nothing." };
        var unlabelled = new Option<bool>("--unlabelled") { Description = "Rows need not say whether they are unsafe." };
        command.Add(files);
        foreach (var option in (Option[])[against, near, output, strict, unlabelled, policy, json])
        {
            command.Add(option);
        }

        command.SetAction((parsed, cancellationToken) =>
        {
            var rules = DataCommand.Rules(parsed.GetValue(policy), labelled: !parsed.GetValue(unlabelled));
            var threshold = Share("--near-duplicate", parsed.GetValue(near)!);
            var check = new DatasetCheck(rules, threshold > 0 || parsed.GetValue(against) is not { Length: > 0 }
                ? threshold
                : throw new GuardException("--against compares rows, and --near-duplicate 0 compares nothing. Give a share above 0, or leave --against out."));
            var request = new Request(parsed.GetValue(files)!, parsed.GetValue(against) ?? [], parsed.GetValue(output), parsed.GetValue(strict));
            using (new WaitLine(terminal, "checking rows"))
            {
                Run(check, request, rules, cancellationToken);
            }

            if (parsed.GetValue(json))
            {
                DataCheckOutput.WriteJson(terminal.Out, check, request.Written(check));
            }
            else
            {
                DataCheckOutput.WriteText(terminal, check, request.Written(check));
            }

            return Task.FromResult(check.BadRows + check.Leaks.Count == 0 ? ExitCode.Done : request.Strict ? ExitCode.Failed : ExitCode.Unsafe);
        });
        return command;
    }

    /// <summary>The option <c>--near-duplicate</c>.</summary>
    public static Option<string> NearDuplicate() => new("--near-duplicate")
    {
        Description = "Share of common character 8-grams (Jaccard) from which two rows are nearly the same; 0 compares nothing.",
        HelpName = "X",
        DefaultValueFactory = _ => "0.7",
    };

    /// <summary>A share from 0 to 1.</summary>
    /// <exception cref="GuardException">The text is none.</exception>
    public static double Share(string option, string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value is >= 0 and <= 1
            ? value
            : throw new GuardException($"{option} is \"{text}\"; it must be a number from 0 to 1, such as 0.7.");

    private static void Run(DatasetCheck check, Request request, RowRules rules, CancellationToken cancellationToken)
    {
        foreach (var row in request.Against.SelectMany(file => DataRowReader.ReadGood(file, rules)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            check.AddDevelopment(row);
        }

        if (request.Output is { } path && request.Files.Concat(request.Against).FirstOrDefault(file => Path.GetFullPath(file) == Path.GetFullPath(path)) is { } same)
        {
            throw new GuardException($"--output would take the place of {same}. Name another file.");
        }

        using var sink = request.Output is null ? null : RowSink.Create(request.Output);
        var pictures = request.Output is null ? null : new RowPictures(request.Output);
        foreach (var row in request.Files.SelectMany(check.Clean))
        {
            cancellationToken.ThrowIfCancellationRequested();
            sink?.Write(pictures!.Take(row));
        }

        if (request.Written(check) is not null)
        {
            sink!.Commit();
        }
    }

    private sealed record Request(string[] Files, string[] Against, string? Output, bool Strict)
    {
        /// <summary>The file that is written: with --strict only when nothing is wrong.</summary>
        public string? Written(DatasetCheck check) => Strict && check.BadRows + check.Leaks.Count > 0 ? null : Output;
    }
}
