using System.CommandLine;
using System.Globalization;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Attacks;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Torch;
using TorchSharp;

namespace GuardSharp.Lab.Attacks.Pgd;

/// <summary><c>guardsharp-lab attack pgd</c>: pictures changed within a bound until the guard says safe.</summary>
internal sealed class PgdCommand
{
    private readonly Option<string> _data = new("--data") { Description = "Labelled rows; those that are unsafe and have a picture are attacked.", HelpName = "FILE.jsonl[.gz]", Required = true };
    private readonly Option<string> _output = new("--output") { Description = "Folder of the results; a run that was stopped goes on there.", HelpName = "DIR", Required = true };
    private readonly Option<string> _epsilon = new("--epsilon") { Description = "Largest changes of a pixel's channel in units of 1/255, or unbounded.", HelpName = "LIST", DefaultValueFactory = _ => "0,8,128,255" };
    private readonly Option<int> _steps = new("--steps") { Description = "Steps of each start.", DefaultValueFactory = _ => new PgdOptions().Steps };
    private readonly Option<string?> _stepSize = new("--step-size") { Description = "Length of a step in units of 1/255. Default: a tenth of epsilon, at least 1.", HelpName = "X" };
    private readonly Option<bool> _randomStart = new("--random-start") { Description = "Begin at uniform noise within epsilon." };
    private readonly Option<int> _restarts = new("--restarts") { Description = "Starts of each row; those behind the first are random.", DefaultValueFactory = _ => 1 };
    private readonly Option<int> _seed = new("--seed") { Description = "Seed of the random starts and of --limit.", DefaultValueFactory = _ => 1 };
    private readonly Option<string?> _task = new("--task") { Description = "Which rows: prompt or response. Default: both.", HelpName = "NAME" };
    private readonly Option<int?> _limit = new("--limit") { Description = "Attack so many rows, drawn by the seed. Default: all.", HelpName = "N" };
    private readonly Option<bool> _independent = new("--independent") { Description = "Attack every epsilon from the clean picture. Default: a larger one begins with what the smaller one found." };
    private readonly Option<bool> _fullBudget = new("--full-budget") { Description = "Make all steps and keep the least P(unsafe). Default: stop when the guard says safe." };
    private readonly Option<bool> _universal = new("--universal") { Description = "One perturbation for all pictures: found on some rows, reported on the others." };
    private readonly Option<string> _heldOut = new("--held-out") { Description = "With --universal: share of the rows that the perturbation is not found on.", HelpName = "SHARE", DefaultValueFactory = _ => "0.5" };
    private readonly Option<bool> _typeset = new("--typeset") { Description = "Rows without a picture: typeset the user's last message as one." };
    private readonly Option<bool> _adaptive = new("--adaptive") { Description = "Follow the gradients through the looks of --defence as well, as an attacker does who knows of them." };
    private readonly Option<string?> _device = new("--device") { Description = "Where gradients are computed: cpu (default), cuda or cuda:N. The guard that is asked runs on the processor.", HelpName = "NAME" };
    private readonly Option<bool> _json = new("--json") { Description = $"Print {AttackFolder.SummaryFile} in place of the table." };
    private readonly ModelOptions _model = new();
    private readonly DefenceOptions _defences = new();
    private readonly Terminal _terminal;

    private PgdCommand(Terminal terminal) => _terminal = terminal;

    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var pgd = new PgdCommand(terminal);
        var command = new Command("pgd", "Changes pictures within a bound until the guard says safe (white box, projected gradient descent), and reports how often that succeeds.");
        foreach (var option in (Option[])[
            pgd._data, pgd._output, pgd._epsilon, pgd._steps, pgd._stepSize, pgd._randomStart, pgd._restarts, pgd._seed, pgd._task, pgd._limit,
            pgd._independent, pgd._fullBudget, pgd._universal, pgd._heldOut, pgd._typeset, pgd._adaptive, pgd._device, pgd._json])
        {
            command.Add(option);
        }

        pgd._model.AddTo(command, judging: true);
        pgd._defences.AddTo(command);
        command.SetAction((parsed, cancellation) => pgd.RunAsync(parsed, cancellation));
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        // Ctrl-C is listened to once this method has returned; nothing below waits, so all of it stays on one thread.
        await Task.Yield();
        var (options, epsilons) = (Read(parsed), Epsilon.ReadList(parsed.GetValue(_epsilon)!));
        var rows = new AttackRows(parsed.GetValue(_data)!, ReadTask(parsed.GetValue(_task)), parsed.GetValue(_limit), options.Seed);
        var device = TorchDevice.Open(parsed.GetValue(_device) ?? "cpu");
        var guardOptions = _model.ReadGuardOptions(parsed);
        if (guardOptions.Threads > 0)
        {
            torch.set_num_threads(guardOptions.Threads);
        }

        // A wrong defence is told before a model is loaded.
        _defences.Read(parsed);
        var known = parsed.GetValue(_adaptive) ? _defences.Read(parsed) : [];
        if (parsed.GetValue(_adaptive) && (known.Count == 0 || parsed.GetValue(_universal)))
        {
            throw new GuardException("--adaptive follows gradients through --defence NAME, picture by picture: name a defence, and leave --universal out.");
        }

        // Without caches a picture gets the same verdict in all its digits whenever it is asked about.
        var guard = GuardClassifier.Load(_model.Folder(parsed), guardOptions with { ConversationCacheBytes = 0, ImageCacheBytes = 0 });
        var judge = _defences.Around(parsed, () => guard);
        await using (judge.ConfigureAwait(false))
        {
            using var network = AttackNetwork.Open(_model.Folder(parsed), guardOptions, device);
            if (network.Images is null)
            {
                throw new GuardException($"{guard.Capabilities.Model} judges text alone, so there is no picture to attack. Name a model that takes pictures with --model, or attack its text: guardsharp-lab attack gcg.");
            }

            var judging = _model.ReadClassifyOptions(parsed);
            using var typeset = parsed.GetValue(_typeset) ? new TypesetTurn(2 * network.TileSize) : null;
            using var progress = new ProgressLine(_terminal, "attacks", TimeProvider.System);
            var samples = Choose(rows, typeset, guard.Capabilities.MaxImages, progress);
            var run = new AttackSummary("pgd", judge.Capabilities.Model, Path.GetFileName(rows.Path), judging.Threshold ?? guard.Capabilities.Threshold, Settings(parsed, options, judging), []);
            using var folder = AttackFolder.Open(parsed.GetValue(_output)!, run);
            Attack(parsed, new PgdRoom(guard, judge, judging, network, folder) { Known = known }, options, epsilons)(samples, progress, cancellation);
            progress.Dispose();
            Print(folder.Finish(), parsed.GetValue(_json));
        }

        return ExitCode.Done;
    }

    private Action<IReadOnlyList<Sample>, IProgress<RowProgress>, CancellationToken> Attack(
        ParseResult parsed, PgdRoom room, PgdOptions options, IReadOnlyList<Epsilon> epsilons) => parsed.GetValue(_universal)
        ? new UniversalRun(room, options, epsilons, ModelOptions.Probability("--held-out", parsed.GetValue(_heldOut)!)).Run
        : new PgdRun(room, options, epsilons).Run;

    private static IReadOnlyList<Sample> Choose(AttackRows rows, TypesetTurn? typeset, int maxImages, ProgressLine progress)
    {
        var (samples, notes) = rows.Read(sample => sample switch
        {
            { ImageCount: 0 } => typeset is null ? "have no picture (--typeset makes one of the user's last message)" : typeset.Problem(sample),
            _ when sample.ImageCount > maxImages => string.Create(CultureInfo.InvariantCulture, $"have more than the {maxImages} pictures that the model takes"),
            _ => null,
        });
        foreach (var note in notes)
        {
            progress.Note(note);
        }

        return [.. samples.Select(sample => sample.ImageCount == 0 ? typeset!.Typeset(sample) : sample)];
    }

    private PgdOptions Read(ParseResult parsed)
    {
        double? step = parsed.GetValue(_stepSize) is not { } text ? null
            : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value is > 0 and <= 255 ? value
            : throw new GuardException($"--step-size is \"{text}\"; it must be a number above 0 and up to 255, in units of 1/255.");
        RequirePositive("--limit", parsed.GetValue(_limit) ?? 1);
        return new PgdOptions
        {
            Steps = RequirePositive("--steps", parsed.GetValue(_steps)),
            StepSize = step,
            RandomStart = parsed.GetValue(_randomStart),
            Restarts = RequirePositive("--restarts", parsed.GetValue(_restarts)),
            Seed = parsed.GetValue(_seed),
            FromSmaller = !parsed.GetValue(_independent),
            FullBudget = parsed.GetValue(_fullBudget),
        };
    }

    private static int RequirePositive(string option, int value) => value >= 1 ? value : throw new GuardException($"{option} is {value}; it must be 1 or more.");

    private static SampleTask? ReadTask(string? name) => name switch
    {
        null => null,
        "prompt" => SampleTask.Prompt,
        "response" => SampleTask.Response,
        _ => throw new GuardException($"--task is \"{name}\"; it must be prompt or response."),
    };

    // Whatever another run needs to do the same.
    private SortedDictionary<string, string> Settings(ParseResult parsed, PgdOptions options, ClassifyOptions judging)
    {
        var settings = new SortedDictionary<string, string>(options.Settings().ToDictionary(entry => entry.Name, entry => entry.Value), StringComparer.Ordinal)
        {
            ["epsilon"] = parsed.GetValue(_epsilon)!,
            ["task"] = parsed.GetValue(_task) ?? "both",
            ["limit"] = parsed.GetValue(_limit)?.ToString(CultureInfo.InvariantCulture) ?? "all",
            ["typeset"] = parsed.GetValue(_typeset).ToString(),
        };
        if (parsed.GetValue(_adaptive))
        {
            settings["adaptive"] = "True";
        }

        if (parsed.GetValue(_universal))
        {
            settings["held-out"] = parsed.GetValue(_heldOut)!;
        }

        if (judging.Policy is { } policy)
        {
            settings["policy"] = policy.Version;
        }

        return settings;
    }

    private void Print(AttackSummary summary, bool asJson)
    {
        if (asJson)
        {
            AttackTable.WriteJson(_terminal.Out, summary);
        }
        else
        {
            AttackTableText.Write(_terminal, summary);
        }
    }
}
