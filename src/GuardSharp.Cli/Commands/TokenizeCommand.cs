using System.CommandLine;
using System.Globalization;
using GuardSharp.CommandLine;
using GuardSharp.Tokenization;

namespace GuardSharp.Cli.Commands;

/// <summary><c>tokenize</c>: the ids of a text, or a check of recorded ones.</summary>
internal static class TokenizeCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("tokenize", "Prints the token ids of a text as a JSON array, or checks a file of recorded ids: exit code 1 when one differs.");
        var text = new Argument<string?>("text") { Description = "The text; - reads standard input.", Arity = ArgumentArity.ZeroOrOne };
        var tokenizer = new Option<string>("--tokenizer") { Description = "tokenizer.json, tokenizer.model, or their folder.", HelpName = "PATH", Required = true };
        var special = new Option<bool>("--special") { Description = "Spellings of special tokens become their ids." };
        var cases = new Option<string?>("--cases") { Description = "Recorded cases: a list of {\"text\",\"llama3\",\"llama3_special\",\"llama4\",\"llama4_special\"}, or of {\"unit\",\"count\",...} for long ones.", HelpName = "FILE.json" };
        command.Add(text);
        command.Add(tokenizer);
        command.Add(special);
        command.Add(cases);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var (given, casesPath, path) = (parsed.GetValue(text), parsed.GetValue(cases), parsed.GetValue(tokenizer)!);
            if ((given is null) == (casesPath is null))
            {
                throw new GuardException("Give either a text (- for standard input) or --cases FILE.");
            }

            if (casesPath is not null)
            {
                return CheckCases(terminal, path, casesPath);
            }

            var content = given == "-" ? await ConversationOptions.ReadInputAsync(terminal, cancellationToken).ConfigureAwait(false) : given!;
            return PrintIds(terminal, path, content, parsed.GetValue(special));
        });
        return command;
    }

    private static int PrintIds(Terminal terminal, string path, string text, bool withSpecials)
    {
        var tokenizer = ModelTokenizer.Load(path);
        var ids = new List<int>();
        if (withSpecials)
        {
            tokenizer.EncodeWithSpecials(text, ids);
        }
        else
        {
            tokenizer.Encode(text, ids);
        }

        terminal.Out.WriteLine($"[{string.Join(", ", ids.Select(id => id.ToString(CultureInfo.InvariantCulture)))}]");
        return ExitCode.Done;
    }

    private static int CheckCases(Terminal terminal, string path, string casesPath)
    {
        var report = TokenizerCases.Run(path, casesPath);
        foreach (var mismatch in report.Mismatches)
        {
            terminal.Out.WriteLine($"differs: row {mismatch.Row}, {mismatch.Column}");
        }

        terminal.Out.WriteLine($"{report.Compared - report.Mismatches.Count} of {report.Compared} equal");
        return report.Mismatches.Count > 0 ? ExitCode.Unsafe : ExitCode.Done;
    }
}
