using System.CommandLine;
using GuardSharp.Cli.Commands;
using GuardSharp.CommandLine;

namespace GuardSharp.Cli;

/// <summary>The root of the command line: it wires the commands and holds no logic.</summary>
internal static class GuardSharpCommand
{
    /// <summary>Runs one command line.</summary>
    /// <param name="args">The arguments.</param>
    /// <param name="terminal">What is read and written.</param>
    /// <param name="cancellationToken">Stops the command.</param>
    /// <returns>0 safe or done, 1 unsafe or below the bar, 2 it could not be done, 130 stopped.</returns>
    public static Task<int> RunAsync(string[] args, Terminal terminal, CancellationToken cancellationToken) =>
        CommandFrame.RunAsync(Build(args, terminal), args, terminal, cancellationToken);

    // A short text must be judged in a tenth of a second: only the command that is named is built, all of them only for help.
    private static Command Build(string[] args, Terminal terminal)
    {
        var root = CommandFrame.Root("guardsharp", "Judges prompts and responses, text and images, with a Llama Guard model in this process.");
        (string Name, Func<Terminal, Command> Create)[] commands =
        [
            ("classify", shared => ClassifyCommand.Create(shared)),
            ("evaluate", EvaluateCommand.Create),
            ("data", DataCommand.Create),
            ("serve", ServeCommand.Create),
            ("worker", WorkerCommand.Create),
            ("model", ModelCommand.Create),
            ("quantize", QuantizeCommand.Create),
            ("prune", PruneCommand.Create),
            ("prompt", PromptCommand.Create),
            ("tokenize", TokenizeCommand.Create),
            ("preprocess", PreprocessCommand.Create),
            ("verify", VerifyCommand.Create),
            ("attack", AttackCommand.Create),
            ("bench", BenchCommand.Create),
        ];
        var named = args.Length > 0 ? Array.FindIndex(commands, command => command.Name == args[0]) : -1;
        foreach (var command in named >= 0 ? commands[named..(named + 1)] : commands)
        {
            root.Add(command.Create(terminal));
        }

        return root;
    }
}
