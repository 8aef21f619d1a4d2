using System.CommandLine;
using System.Globalization;
using GuardSharp.Cli.Measuring;
using GuardSharp.Cli.Output;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Predictions;

namespace GuardSharp.Cli.Commands;

/// <summary><c>bench</c>: how fast a model judges on this machine, and what memory it takes.</summary>
internal static class BenchCommand
{
    private const int DefaultRounds = 100;
    private const double DefaultSeconds = 3;

    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var command = new Command("bench", "Measures time to verdict, tokens and verdicts a second, start and memory of a model on this machine.");
        var model = new ModelOptions().AddTo(command, judging: false);
        var rounds = new Option<int>("--rounds") { Description = "Most samples of a measurement.", HelpName = "N", DefaultValueFactory = _ => DefaultRounds };
        var seconds = new Option<string?>("--seconds") { Description = "Time after which a measurement takes no further sample; it has at least one. Default: 3.", HelpName = "S" };
        var textOnly = new Option<bool>("--text-only") { Description = "Leave pictures out: large models take minutes for them." };
        var json = new Option<bool>("--json") { Description = "Print one JSON document." };
        foreach (var option in (Option[])[rounds, seconds, textOnly, json])
        {
            command.Add(option);
        }

        command.SetAction(async (parsed, cancellationToken) =>
        {
            var sampling = new Sampling(ReadRounds(parsed.GetValue(rounds)), ReadSeconds(parsed.GetValue(seconds)));
            var (options, folder, pictures) = (model.ReadGuardOptions(parsed), model.Folder(parsed), !parsed.GetValue(textOnly));
            var report = await MeasureAsync(terminal, folder, options, sampling, pictures, cancellationToken).ConfigureAwait(false);
            if (parsed.GetValue(json))
            {
                BenchOutput.WriteJson(terminal.Out, report);
            }
            else
            {
                BenchOutput.WriteTable(terminal, report);
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static async Task<BenchReport> MeasureAsync(
        Terminal terminal, string folder, GuardOptions options, Sampling sampling, bool pictures, CancellationToken cancellationToken)
    {
        using var line = new ProgressLine(terminal, "measurements", TimeProvider.System);
        var done = 0;
        var threads = options.Threads > 0 ? options.Threads : Environment.ProcessorCount;
        var measurement = new GuardMeasurement(
            engine => GuardClassifier.LoadOn(null, folder, options, engine), threads, sampling, pictures, () => line.Report(new RowProgress(++done, GuardMeasurement.Steps)));
        return await measurement.RunAsync(cancellationToken).ConfigureAwait(false);
    }

    private static int ReadRounds(int rounds) =>
        rounds is >= 1 and <= 1_000_000 ? rounds : throw new GuardException($"--rounds is {rounds}; it must be from 1 to 1000000.");

    private static double ReadSeconds(string? text) =>
        text is null ? DefaultSeconds
        : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) && seconds is > 0 and <= 3600 ? seconds
        : throw new GuardException($"--seconds is \"{text}\"; it must be a number above 0 and at most 3600.");
}
