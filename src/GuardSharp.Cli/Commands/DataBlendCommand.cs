using System.CommandLine;
using System.Globalization;
using GuardSharp.Cli.Output;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Augmentation;
using GuardSharp.Evaluation.Datasets;
using GuardSharp.Evaluation.Datasets.Blending;
using GuardSharp.Policies;

namespace GuardSharp.Cli.Commands;

/// <summary><c>data blend</c>: rows of several files in chosen proportions.</summary>
internal static class DataBlendCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("blend", "Mixes rows of several files: exclusions, near duplicates, development rows, caps and ratios. The same configuration gives the same bytes.");
        var config = new Option<string>("--config") { Description = "What to mix (docs/data.md).", HelpName = "FILE.json", Required = true };
        var output = new Option<string>("--output") { Description = "The rows to learn from.", HelpName = "OUT.jsonl[.gz]|.parquet", Required = true };
        var development = new Option<string?>("--development") { Description = "The rows kept back; needed when the configuration splits.", HelpName = "FILE" };
        var dropped = new Option<string?>("--dropped") { Description = "A line for every row that was left out, with the reason.", HelpName = "FILE.jsonl" };
        var preview = new Option<int>("--preview") { Description = "Shows the augmented policies of N rows (rates: augment of the configuration).", HelpName = "N" };
        var strict = new Option<bool>("--strict") { Description = "Exit with 2 when a row is bad, and write nothing." };
        var (policy, json) = (DataCommand.PolicyFile(), DataCommand.Json());
        foreach (var option in (Option[])[config, output, development, dropped, preview, strict, policy, json])
        {
            command.Add(option);
        }

        command.SetAction((parsed, cancellationToken) =>
        {
            var settings = BlendConfig.Read(parsed.GetValue(config)!);
            var files = new Files(parsed.GetValue(output)!, parsed.GetValue(development), parsed.GetValue(dropped));
            files.Check(settings);
            var categories = parsed.GetValue(policy) is { } path ? Policy.ReadFile(path) : Policy.MlCommons;
            BlendResult result;
            using (new WaitLine(terminal, "blending rows"))
            {
                result = new Blend(settings, RowRules.Of(categories)).Run(cancellationToken);
                if (parsed.GetValue(strict) && result.Problems.Count > 0)
                {
                    throw new GuardException($"{result.Problems[0]} Nothing was written; guardsharp data check names all {result.Problems.Count} problems.");
                }

                files.Write(result);
            }

            // Bad rows are named where they can be read beside a document, too.
            foreach (var problem in result.Problems)
            {
                terminal.Error.WriteLine(problem);
            }

            var policies = Preview(settings, result, categories, parsed.GetValue(preview));
            if (parsed.GetValue(json))
            {
                DataBlendOutput.WriteJson(terminal.Out, result, policies);
            }
            else
            {
                DataBlendOutput.WriteTables(terminal, result, policies);
            }

            return Task.FromResult(ExitCode.Done);
        });
        return command;
    }

    private static List<(DataRow Row, PolicyTarget Target)> Preview(BlendConfig config, BlendResult result, Policy policy, int count)
    {
        if (count == 0)
        {
            return [];
        }

        var rates = config.Augment ?? throw new GuardException("--preview shows augmented policies, and the configuration has no augment. Add {\"dropOther\":0.3,\"shuffle\":0.3,\"dropViolated\":0.05}.");
        if (count < 0)
        {
            throw new GuardException(string.Create(CultureInfo.InvariantCulture, $"--preview is {count}; it must be 0 or more."));
        }

        var random = new Random(config.Seed);
        return [.. result.Train.Take(count).Select(blended =>
        {
            var row = blended.Row;
            var target = new PolicyTarget(policy, row.Unsafe == true, [.. row.Categories.Order(CodeOrder.Instance)]);
            return (row, PolicyAugmentation.Apply(target, rates, random));
        })];
    }

    private sealed record Files(string Output, string? Development, string? Dropped)
    {
        public void Check(BlendConfig config)
        {
            if (config.Development is not null != Development is not null)
            {
                throw new GuardException(Development is null
                    ? "The configuration keeps development rows back: say where they go with --development FILE."
                    : "--development names a file, but the configuration keeps no rows back. Add \"development\":{\"share\":0.05}.");
            }

            string[] written = [.. new[] { Output, Development, Dropped }.OfType<string>().Select(Path.GetFullPath)];
            if (written.Intersect(config.Files.Concat(config.Against).Select(Path.GetFullPath)).FirstOrDefault() is { } same)
            {
                throw new GuardException($"{same}: the file is read and would be written over. Name another one.");
            }

            if (written.Distinct().Count() < written.Length)
            {
                throw new GuardException("Two of --output, --development and --dropped name the same file. Give each its own.");
            }
        }

        public void Write(BlendResult result)
        {
            BlendFiles.WriteRows(Output, result.Train);
            if (Development is not null)
            {
                BlendFiles.WriteRows(Development, result.Development.Select(row => new BlendedRow(row, 0)));
            }

            if (Dropped is not null)
            {
                BlendFiles.WriteDropped(Dropped, result.Dropped);
            }
        }
    }
}
