using System.CommandLine;
using System.Globalization;
using GuardSharp.CommandLine;
using GuardSharp.Evaluation.Attacks;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Torch;
using TorchSharp;

namespace GuardSharp.Lab.Attacks.Gcg;

/// <summary><c>guardsharp-lab attack gcg</c>: suffixes that make a guard call unsafe text safe.</summary>
internal sealed class GcgCommand
{
    private static readonly GcgSettings _defaults = new();

    private readonly Option<string> _data = new("--data") { Description = "Labelled rows (docs/evaluation.md); the unsafe ones are attacked.", HelpName = "FILE.jsonl[.gz]", Required = true };
    private readonly Option<string> _output = new("--output") { Description = "Folder for the results. A run that was stopped goes on in it.", HelpName = "DIR", Required = true };
    private readonly Option<string> _place = new("--place") { Description = "Where the suffix stands: prompt, prompt-for-response (on the prompt, while the response is judged) or response.", HelpName = "NAME", DefaultValueFactory = _ => _defaults.Place.Name() };
    private readonly Option<int> _steps = Number("--steps", "Most steps: each replaces one token.", _defaults.Steps);
    private readonly Option<int> _width = Number("--search-width", "Candidates of a step.", _defaults.SearchWidth);
    private readonly Option<int> _topK = Number("--top-k", "Best tokens of each place by the gradient, of which candidates are drawn.", _defaults.TopK);
    private readonly Option<int> _length = Number("--suffix-length", "Tokens of the suffix.", _defaults.SuffixLength);
    private readonly Option<string?> _init = new("--init") { Description = "The suffix to begin with, its first blank included; it says its own length. Default: exclamation marks.", HelpName = "TEXT" };
    private readonly Option<int> _seed = Number("--seed", "Decides which rows and what is drawn.", _defaults.Seed);
    private readonly Option<int?> _limit = new("--limit") { Description = "Most rows, drawn by the seed. Default: all.", HelpName = "N" };
    private readonly Option<string?> _language = new("--language") { Description = "Rows of this language only, such as en.", HelpName = "TAG" };
    private readonly Option<bool> _allCharacters = new("--all-characters") { Description = "Let the suffix hold any character, not printable ASCII alone." };
    private readonly Option<bool> _allSteps = new("--all-steps") { Description = "Make all steps, although the guard says safe already." };
    private readonly Option<bool> _json = new("--json") { Description = $"Print {AttackFolder.SummaryFile} in place of the table." };
    private readonly Option<string?> _device = new("--device") { Description = $"Where gradients are computed: cpu (default), cuda or cuda:N. CUDA needs a libtorch of yours in {LibTorchFolder.Variable}=DIR.", HelpName = "NAME" };
    private readonly Option<string?> _candidates = new("--candidates") { Description = "What reads the candidates: cpu, the backend of guardsharp, or torch on the device. Default: cpu where the device is cpu.", HelpName = "NAME" };
    private readonly Option<int?> _universal = new("--universal") { Description = "Look for one suffix that serves so many rows; the other rows are judged with it. Default: each row has its own.", HelpName = "N" };
    private readonly ModelOptions _model = new();
    private readonly DefenceOptions _defences = new();
    private readonly Terminal _terminal;

    private GcgCommand(Terminal terminal) => _terminal = terminal;

    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var gcg = new GcgCommand(terminal);
        var command = new Command("gcg", "Looks for suffixes that make the guard call unsafe text safe (Greedy Coordinate Gradient, docs/attacks.md).");
        foreach (var option in (Option[])[
            gcg._data, gcg._output, gcg._place, gcg._steps, gcg._width, gcg._topK, gcg._length, gcg._init, gcg._seed, gcg._limit, gcg._language,
            gcg._candidates, gcg._universal, gcg._allCharacters, gcg._allSteps, gcg._json, gcg._device])
        {
            command.Add(option);
        }

        gcg._model.AddTo(command, judging: true);
        gcg._defences.AddTo(command);
        command.SetAction(gcg.RunAsync);
        return command;
    }

    private static Option<int> Number(string name, string description, int value) => new(name) { Description = $"{description} Default {value}.", HelpName = "N", DefaultValueFactory = _ => value };

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var settings = Read(parsed);
        var (path, language) = (parsed.GetValue(_data)!, parsed.GetValue(_language));
        var task = settings.Place == SuffixPlace.Prompt ? SampleTask.Prompt : SampleTask.Response;
        var (rows, notes) = new AttackRows(path, task, Positive("--limit", parsed.GetValue(_limit)), settings.Seed).Read(row =>
            language is not null && row.Language != language ? $"are not of the language {language}" : SuffixSlot.Obstacle(row.Conversation, settings.Place));
        var options = _model.ReadClassifyOptions(parsed);
        var loading = _model.ReadGuardOptions(parsed);
        var device = TorchDevice.Open(parsed.GetValue(_device) ?? "cpu");
        if (loading.Threads > 0)
        {
            torch.set_num_threads(loading.Threads);
        }

        bool? onTorch = parsed.GetValue(_candidates) switch
        {
            null => null,
            "cpu" => false,
            "torch" => true,
            var other => throw new GuardException($"--candidates is \"{other}\"; it must be cpu or torch."),
        };
        GcgModel? model = null;
        var guard = _defences.Around(parsed, () => (model = GcgModel.Open(_model.Folder(parsed), loading, device, onTorch)).Guard);
        await using (guard.ConfigureAwait(false))
        {
            using (model)
            {
                using var folder = AttackFolder.Open(parsed.GetValue(_output)!, Describe(settings, guard, options, parsed));
                using var progress = new ProgressLine(_terminal, "steps", TimeProvider.System);
                foreach (var note in notes)
                {
                    progress.Note(note);
                }

                var run = new GcgRun(model!, guard, options, settings, progress);
                var summary = settings.Universal is { } shared
                    ? await run.RunUniversalAsync(rows, shared, folder, cancellation).ConfigureAwait(false)
                    : await run.RunAsync(rows, folder, cancellation).ConfigureAwait(false);
                Print(summary, parsed.GetValue(_json));
            }
        }

        return ExitCode.Done;
    }

    private GcgSettings Read(ParseResult parsed) => new()
    {
        Place = SuffixPlaces.Parse(parsed.GetValue(_place)!),
        Steps = InRange("--steps", parsed.GetValue(_steps), 1, 1_000_000),
        SearchWidth = InRange("--search-width", parsed.GetValue(_width), 1, 1_000_000),
        TopK = InRange("--top-k", parsed.GetValue(_topK), 1, 1_000_000),
        SuffixLength = InRange("--suffix-length", parsed.GetValue(_length), 1, 1024),
        Init = parsed.GetValue(_init),
        Seed = parsed.GetValue(_seed),
        AsciiOnly = !parsed.GetValue(_allCharacters),
        AllSteps = parsed.GetValue(_allSteps),
        Universal = Positive("--universal", parsed.GetValue(_universal)),
    };

    private AttackSummary Describe(GcgSettings settings, IGuard guard, ClassifyOptions options, ParseResult parsed) => new(
        "gcg",
        guard.Capabilities.Model,
        Path.GetFileName(parsed.GetValue(_data)!),
        options.Threshold ?? guard.Capabilities.Threshold,
        new Dictionary<string, string>
        {
            ["place"] = settings.Place.Name(),
            ["steps"] = Text(settings.Steps),
            ["searchWidth"] = Text(settings.SearchWidth),
            ["topK"] = Text(settings.TopK),
            ["suffixLength"] = Text(settings.SuffixLength),
            ["init"] = settings.Init ?? "exclamation marks",
            ["seed"] = Text(settings.Seed),
            ["characters"] = settings.AsciiOnly ? "printable ASCII" : "all",
            ["allSteps"] = settings.AllSteps ? "yes" : "no",
            ["limit"] = parsed.GetValue(_limit) is { } limit ? Text(limit) : "none",
            ["language"] = parsed.GetValue(_language) ?? "all",
            ["universal"] = settings.Universal is { } shared ? Text(shared) : "no",
            ["policy"] = options.Policy?.Version ?? "default",
        },
        []);

    private void Print(AttackSummary summary, bool json)
    {
        if (json)
        {
            AttackTable.WriteJson(_terminal.Out, summary);
        }
        else
        {
            AttackTable.Write(_terminal, summary);
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static int? Positive(string option, int? value) => value is { } number ? InRange(option, number, 1, int.MaxValue) : null;

    private static int InRange(string option, int value, int low, int high) => value >= low && value <= high
        ? value
        : throw new GuardException($"{option} is {value}; it must be from {low} to {high}.");
}
