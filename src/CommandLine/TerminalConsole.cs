using System.Globalization;
using Spectre.Console;

namespace GuardSharp.CommandLine;

/// <summary>Spectre.Console over our writers. Used only where a table is drawn: loading it takes time that a short command does not have.</summary>
internal static class TerminalConsole
{
    // Wider than any table: a file has no edge at which a line must break.
    private const int FileColumns = 1000;

    /// <summary>A console on standard output: coloured where a person watches and NO_COLOR is not set.</summary>
    /// <param name="terminal">Where it is drawn.</param>
    /// <param name="wide">Whether a table that goes to a file or a program is as wide as it needs.</param>
    public static IAnsiConsole Create(Terminal terminal, bool wide = false)
    {
        var coloured = terminal.OutIsTerminal && Environment.GetEnvironmentVariable("NO_COLOR") is null or "";
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = coloured ? AnsiSupport.Yes : AnsiSupport.No,
            ColorSystem = coloured ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(terminal.Out),
        });
        console.Profile.Width = wide && !terminal.OutIsTerminal ? FileColumns : terminal.Width;
        console.Profile.Capabilities.Unicode = true;
        return console;
    }

    /// <summary>A share as percent, such as <c>93.1 %</c>; a dash for what is undefined.</summary>
    public static string Percent(double? share) => share is { } value ? string.Create(CultureInfo.InvariantCulture, $"{value * 100:F1} %") : "–";
}
