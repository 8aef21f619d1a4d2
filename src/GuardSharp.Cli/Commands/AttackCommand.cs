using System.CommandLine;
using System.Globalization;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Attacks;
using GuardSharp.Evaluation.Attacks.BlackBox;

namespace GuardSharp.Cli.Commands;

/// <summary><c>attack</c>: black-box attacks on the unsafe rows of a file.</summary>
internal static class AttackCommand
{
    private const string AllName = "all";
    private const string ReplayName = "replay";
    private const string FamilyName = "black-box";

    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var attacks = BlackBoxAttacks.All;
        var command = new Command("attack", "Attacks a guard with what needs no look inside it, and counts how many unsafe rows it then judges safe (docs/attacks.md).");
        var names = new Argument<string[]>("name")
        {
            Arity = ArgumentArity.ZeroOrMore,
            Description = $"One or several of {string.Join("; ", attacks.Select(attack => $"{attack.Name} ({attack.Description})"))}; or {AllName}; or {ReplayName}: what another attack found, as --from names it.",
        };
        var data = new Option<string?>("--data") { Description = "Labelled rows, plain or gzip; the unsafe ones are attacked.", HelpName = "FILE.jsonl[.gz]" };
        var output = new Option<string?>("--output") { Description = $"Folder for {AttackFolder.ResultsFile}, pictures and {AttackFolder.SummaryFile}. The same command again goes on where it was stopped.", HelpName = "DIR" };
        var from = new Option<string?>("--from") { Description = $"For {ReplayName}: the folder of an attack that came to its end, of any kind; its pictures and suffixes are judged anew.", HelpName = "DIR" };
        var rows = new Option<int>("--rows") { Description = "Unsafe rows drawn from the file, at most.", HelpName = "N", DefaultValueFactory = _ => 200 };
        var seed = new Option<int>("--seed") { Description = "Seed of the draw and of attacks that need chance.", DefaultValueFactory = _ => 1 };
        var json = new Option<bool>("--json") { Description = $"Print {AttackFolder.SummaryFile} in place of the table." };
        command.Add(names);
        foreach (var option in (Option[])[data, output, from, rows, seed, json])
        {
            command.Add(option);
        }

        var model = new ModelOptions().AddTo(command, judging: true);
        var (source, defences) = (new GuardSource().AddTo(command), new DefenceOptions().AddTo(command));
        command.Add(AttackReportCommand.Create(terminal));
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var chosen = parsed.GetValue(names) ?? [];
            var replay = parsed.GetValue(from) is { } found ? Replay.Of(chosen is [ReplayName] ? found : throw new GuardException($"--from goes with {ReplayName} alone.")) : null;
            var plan = new Plan(
                replay?.Attacks ?? [.. ReadAttacks(chosen).Select(RowAttack.Of)],
                parsed.GetValue(data) ?? throw new GuardException("Say which rows to attack with --data FILE."),
                parsed.GetValue(output) ?? throw new GuardException("Say where the results go with --output DIR."),
                parsed.GetValue(rows) is var count and >= 1 ? count : throw new GuardException($"--rows is {parsed.GetValue(rows)}; it must be at least 1."),
                (ulong)(uint)parsed.GetValue(seed),
                replay);
            var options = model.ReadClassifyOptions(parsed);
            var guard = defences.Around(parsed, () => source.Open(parsed, () => model.Load(parsed)));
            await using (guard.ConfigureAwait(false))
            {
                var summary = await Task.Run(() => RunAsync(terminal, guard, options, plan, cancellationToken), cancellationToken).ConfigureAwait(false);
                if (parsed.GetValue(json))
                {
                    AttackTable.WriteJson(terminal.Out, summary);
                }
                else
                {
                    AttackTable.Write(terminal, summary);
                }
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static async Task<AttackSummary> RunAsync(Terminal terminal, IGuard guard, ClassifyOptions options, Plan plan, CancellationToken cancellationToken)
    {
        // A replay takes the rows of its attack, whatever their number.
        var samples = plan.Source is { } source
            ? [.. BlackBoxRun.Draw(plan.Data, int.MaxValue, plan.Seed).Where(sample => source.Ids.Contains(sample.Id))]
            : BlackBoxRun.Draw(plan.Data, plan.Rows, plan.Seed);
        using var folder = AttackFolder.Open(plan.Output, SummaryOf(guard, options, plan));
        using var progress = new ProgressLine(terminal, "judgements", TimeProvider.System);
        var left = await new BlackBoxRun(guard, options, folder).RunAsync(samples, plan.Attacks, plan.Seed, progress, cancellationToken).ConfigureAwait(false);
        foreach (var (name, count) in left.Where(pair => pair.Value > 0))
        {
            terminal.Error.WriteLine($"{name}: not applied to {count} of {samples.Count} rows (nothing it could change, or too long afterwards)");
        }

        return folder.Finish();
    }

    private static AttackSummary SummaryOf(IGuard guard, ClassifyOptions options, Plan plan) => new(
        plan.Source?.Summary.Attack ?? (plan.Attacks.Count == 1 ? plan.Attacks[0].Setting : FamilyName),
        guard.Capabilities.Model,
        Path.GetFileName(plan.Data),
        options.Threshold ?? guard.Capabilities.Threshold,
        new Dictionary<string, string>
        {
            ["attacks"] = string.Join(", ", plan.Attacks.Select(attack => attack.Setting)),
            ["rows"] = plan.Rows.ToString(CultureInfo.InvariantCulture),
            ["seed"] = plan.Seed.ToString(CultureInfo.InvariantCulture),
            ["policy"] = options.Policy?.Version ?? "default",
            ["found on"] = plan.Source?.Summary.Model ?? "itself",
        },
        []);

    private static IReadOnlyList<IBlackBoxAttack> ReadAttacks(string[] names)
    {
        if (names is [ReplayName])
        {
            throw new GuardException("Say which attack to replay with --from DIR.");
        }

        if (names is [AllName])
        {
            return BlackBoxAttacks.All;
        }

        return names.Length > 0
            ? [.. names.Distinct().Select(name => BlackBoxAttacks.Find(name) ?? throw Unknown($"There is no attack \"{name}\"."))]
            : throw Unknown("Say which attack to run.");
    }

    private static GuardException Unknown(string what) =>
        new($"{what} Known are {string.Join(", ", BlackBoxAttacks.All.Select(attack => attack.Name))}, and {AllName} for all of them.");

    private sealed record Plan(IReadOnlyList<RowAttack> Attacks, string Data, string Output, int Rows, ulong Seed, Replay? Source);
}
