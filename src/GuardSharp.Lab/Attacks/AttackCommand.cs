using System.CommandLine;
using GuardSharp.CommandLine;
using GuardSharp.Lab.Attacks.Gcg;
using GuardSharp.Lab.Attacks.Pgd;

namespace GuardSharp.Lab.Attacks;

/// <summary><c>guardsharp-lab attack</c>: attacks that need gradients.</summary>
internal static class AttackCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal) => new("attack", "Attacks a guard with its own gradients and measures how often it is fooled (docs/attacks.md).")
    {
        PgdCommand.Create(terminal),
        GcgCommand.Create(terminal),
        AttackReportCommand.Create(terminal),
    };
}
