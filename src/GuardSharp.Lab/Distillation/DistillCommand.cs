using System.CommandLine;
using GuardSharp.CommandLine;
using GuardSharp.Lab.FineTuning;
using GuardSharp.Lab.Training;

namespace GuardSharp.Lab.Distillation;

/// <summary><c>guardsharp-lab distill --config FILE [--resume]</c>: fine-tuning whose targets are a teacher's answers.</summary>
internal static class DistillCommand
{
    /// <summary>The command.</summary>
    public static Command Create(Terminal terminal)
    {
        var config = new Option<string>("--config") { Description = $"A configuration of the recipe {SftConfig.RecipeName} with a \"teacher\" (docs/pruning.md), or the name of one that train --list shows.", HelpName = "FILE", Required = true };
        var resume = new Option<bool>("--resume") { Description = "Go on from the output folder's state." };
        var settings = new Option<string[]>("--set") { Description = "A value of the configuration, such as teacher.temperature=4; may be given several times.", HelpName = "KEY=VALUE" };
        var command = new Command("distill", "Teaches a model, such as a pruned one, to answer as another does, and writes its folder.") { config, resume, settings };
        command.SetAction((arguments, cancellation) =>
        {
            var path = NamedConfigs.PathOf(arguments.GetRequiredValue(config));
            var run = SftConfigReader.Read(path, arguments.GetValue(settings) ?? []);
            if (run.Teacher is null)
            {
                throw new TrainingException($"{path}: \"teacher\" is missing, so there is nobody to learn from. Name its folder as teacher.folder, or use guardsharp-lab train.");
            }

            // The loop owns its thread: scopes of torch belong to threads, so nothing may await inside.
            FineTuneCommand.Run(run, arguments.GetValue(resume), terminal, cancellation);
            return Task.FromResult(0);
        });
        return command;
    }
}
