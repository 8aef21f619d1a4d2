using System.CommandLine;
using GuardSharp.CommandLine;
using GuardSharp.Lab.FineTuning;
using GuardSharp.Lab.Training.Vision;
using GuardSharp.Torch;

namespace GuardSharp.Lab.Training;

/// <summary><c>guardsharp-lab train --config FILE [--resume]</c>: everything from the rows to the finished model folder, by the recipe that the file names.</summary>
internal sealed class TrainCommand
{
    private readonly Option<string?> _config = new("--config") { Description = "The training configuration (docs/fine-tuning.md, docs/training.md), or the name of one that --list shows.", HelpName = "FILE" };
    private readonly Option<bool> _list = new("--list") { Description = "Names the configurations that come with the program." };
    private readonly Option<bool> _resume = new("--resume") { Description = "Go on from the output folder's state." };
    private readonly Option<bool> _visionOnly = new("--vision-only") { Description = "guardsharp-tiny: leave the text stage out; the output folder holds its model." };
    private readonly Option<int?> _steps = new("--steps") { Description = "guardsharp-tiny: stop after so many steps of the whole schedule, without a model: to compare losses." };
    private readonly Option<string[]> _settings = new("--set") { Description = $"Recipe {SftConfig.RecipeName}: a value of the configuration, such as steps=20 or data.train.0.file=rows.jsonl; may be given several times.", HelpName = "KEY=VALUE" };
    private readonly Terminal _terminal;

    private TrainCommand(Terminal terminal) => _terminal = terminal;

    /// <summary>The command.</summary>
    public static Command Create(Terminal terminal)
    {
        var train = new TrainCommand(terminal);
        var command = new Command("train", "Trains a guard and writes its model folder.") { train._config, train._list, train._resume, train._visionOnly, train._steps, train._settings };
        command.SetAction((arguments, cancellation) =>
        {
            // The loops own their thread: scopes of torch belong to threads, so nothing may await inside.
            train.Run(arguments, cancellation);
            return Task.FromResult(0);
        });
        return command;
    }

    private void Run(ParseResult arguments, CancellationToken cancellation)
    {
        if (arguments.GetValue(_list))
        {
            foreach (var (name, description) in NamedConfigs.All())
                _terminal.Out.WriteLine($"{name}\n    {description}");
            return;
        }

        var path = NamedConfigs.PathOf(arguments.GetValue(_config) ?? throw new TrainingException("--config is missing. Name the file of a training configuration, or one that --list shows."));
        var settings = arguments.GetValue(_settings) ?? [];
        switch (SftConfigReader.RecipeOf(path))
        {
            case null when settings.Length > 0:
                throw new TrainingException($"--set is for configurations with \"recipe\": \"{SftConfig.RecipeName}\"; {path} names none, so it trains guardsharp-tiny. Edit the file.");
            case null:
                TrainTiny(path, arguments, cancellation);
                break;
            case SftConfig.RecipeName when arguments.GetValue(_visionOnly) || arguments.GetValue(_steps) is not null:
                throw new TrainingException($"--vision-only and --steps are for guardsharp-tiny; {path} asks for the recipe {SftConfig.RecipeName}. Freeze what must stay, and say --set steps=N.");
            case SftConfig.RecipeName:
                FineTuneCommand.Run(SftConfigReader.Read(path, settings), arguments.GetValue(_resume), _terminal, cancellation);
                break;
            case var other:
                throw new TrainingException($"{path}: \"recipe\" is \"{other}\"; allowed is \"{SftConfig.RecipeName}\", or no recipe for guardsharp-tiny.");
        }
    }

    private void TrainTiny(string path, ParseResult arguments, CancellationToken cancellation)
    {
        LibTorchFolder.LoadNamed();
        var run = TrainingConfig.Read(path);
        if (!arguments.GetValue(_visionOnly))
            new TrainingSession(run, Report).Run(arguments.GetValue(_resume), cancellation, arguments.GetValue(_steps));
        if (run.Vision is { } vision && arguments.GetValue(_steps) is null && !cancellation.IsCancellationRequested)
        {
            using var session = new VisionSession(run, vision, Report);
            session.Run(arguments.GetValue(_resume), cancellation);
        }
    }

    private void Report(string line) => _terminal.Error.WriteLine($"{TimeProvider.System.GetLocalNow():HH:mm:ss} {line}");
}
