using System.CommandLine;
using GuardSharp.CommandLine;
using GuardSharp.Lab.Attacks.Gcg;

namespace GuardSharp.Lab.Attacks;

/// <summary><c>guardsharp-lab attack</c>: attacks that know the guard's weights.</summary>
internal static class AttackCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(Terminal terminal) => new("attack", "Attacks a guard with its own gradients and reports how often it is fooled.")
    {
        GcgCommand.Create(terminal),
    };
}
