using System.CommandLine;

namespace GuardSharp.CommandLine;

/// <summary>Exit codes of both executables.</summary>
internal static class ExitCode
{
    /// <summary>Safe, or done.</summary>
    public const int Done = 0;

    /// <summary>Unsafe, or below the bar.</summary>
    public const int Unsafe = 1;

    /// <summary>It could not be done: bad arguments, a bad file.</summary>
    public const int Failed = 2;

    /// <summary>Stopped by Ctrl-C: 128 plus the number of the signal, as shells count.</summary>
    public const int Cancelled = 130;
}

/// <summary>Runs a command: arguments in, exit code out, every failure one line on standard error.</summary>
internal static class CommandFrame
{
    /// <summary>Set to anything: unexpected errors are printed with their stack.</summary>
    public const string TraceVariable = "GUARDSHARP_TRACE";

    // After Ctrl-C a command removes its unfinished files; one that hangs is ended.
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);

    /// <summary>A command that subcommands are added to, with <c>--help</c> and <c>--version</c>.</summary>
    /// <remarks>Not a RootCommand: that one takes its name from the assembly, which is not the executable's.</remarks>
    public static Command Root(string name, string description)
    {
        var root = new Command(name, description);
        root.Add(new System.CommandLine.Help.HelpOption());
        root.Add(new VersionOption());
        return root;
    }

    /// <summary>Parses and runs.</summary>
    /// <param name="root">The command with its subcommands.</param>
    /// <param name="args">The arguments of the process.</param>
    /// <param name="terminal">What is read and written.</param>
    /// <param name="cancellationToken">Stops the command, as Ctrl-C does.</param>
    public static async Task<int> RunAsync(Command root, string[] args, Terminal terminal, CancellationToken cancellationToken)
    {
        // A text that begins with @ is a text, not the name of a file of arguments.
        var parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        var mistakes = parsed.Errors.Select(error => error.Message).ToList();
        if (MistypedOption(args, parsed) is { } option)
        {
            mistakes = [$"there is no option {option}; to pass it as a text put -- before it"];
        }

        if (mistakes.Count > 0 && parsed.Action is not System.CommandLine.Help.HelpAction)
        {
            mistakes.ForEach(mistake => Complain(terminal, mistake));

            Complain(terminal, $"see {Path(root, parsed)} --help");
            return ExitCode.Failed;
        }

        try
        {
            var configuration = new InvocationConfiguration
            {
                Output = terminal.Out,
                Error = terminal.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = parsed.CommandResult.Command is ServiceCommand ? null : _patience,
            };
            var code = await parsed.InvokeAsync(configuration, cancellationToken).ConfigureAwait(false);
            await terminal.Out.FlushAsync(CancellationToken.None).ConfigureAwait(false);
            return code;
        }
        catch (Exception error)
        {
            return Report(terminal, error);
        }
    }

    private static int Report(Terminal terminal, Exception error)
    {
        if (error is OperationCanceledException)
        {
            Complain(terminal, "stopped");
            return ExitCode.Cancelled;
        }

        var isExpected = error is GuardException or IOException or UnauthorizedAccessException;
        Complain(terminal, isExpected
            ? error.Message
            : $"unexpected error, please report it: {error.GetType().Name}: {error.Message} (set {TraceVariable}=1 for the stack)");
        if (Environment.GetEnvironmentVariable(TraceVariable) is { Length: > 0 })
        {
            terminal.Error.WriteLine(error);
        }

        return ExitCode.Failed;
    }

    // The parser takes an unknown option for an argument: without this, "classify --jsn" would judge the text "--jsn".
    private static string? MistypedOption(string[] args, ParseResult parsed) => args.Contains("--")
        ? null
        : parsed.CommandResult.Children.OfType<System.CommandLine.Parsing.ArgumentResult>().SelectMany(result => result.Tokens)
            .Select(token => token.Value).FirstOrDefault(value => value.StartsWith('-') && value.Length > 1);

    private static string Path(Command root, ParseResult parsed)
    {
        var names = new Stack<string>();
        for (var result = parsed.CommandResult; result is not null && result.Command != root; result = result.Parent as System.CommandLine.Parsing.CommandResult)
        {
            names.Push(result.Command.Name);
        }

        return string.Join(' ', names.Prepend(root.Name));
    }

    private static void Complain(Terminal terminal, string message) =>
        terminal.Error.WriteLine("error: " + message.ReplaceLineEndings(" "));
}
