using System.CommandLine;
using GuardSharp.Defences;

namespace GuardSharp.CommandLine;

/// <summary>The option that puts defences around a guard.</summary>
internal sealed class DefenceOptions
{
    private readonly Option<string[]> _defences = new("--defence")
    {
        Description = $"Looks at each conversation once more and lets the worse verdict count: {string.Join("; ", KnownDefences.Forms)}. Repeatable (docs/attacks.md). Default: none.",
        HelpName = "NAME[:ARGUMENT]",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };

    /// <summary>Adds the option to a command.</summary>
    public DefenceOptions AddTo(Command command)
    {
        command.Add(_defences);
        return this;
    }

    /// <summary>The defences that were named, in their order.</summary>
    /// <exception cref="GuardException">One of them does not exist, or does not take its argument.</exception>
    public IReadOnlyList<IDefence> Read(ParseResult parsed) => [.. (parsed.GetValue(_defences) ?? []).Select(KnownDefences.Parse)];

    /// <summary>A guard behind the defences that were named; the guard itself where none was.</summary>
    /// <param name="parsed">The arguments.</param>
    /// <param name="load">Loads the guard, once the defences are known to be right.</param>
    /// <exception cref="GuardException">A defence does not exist, or the guard cannot be loaded.</exception>
    public IGuard Around(ParseResult parsed, Func<IGuard> load)
    {
        var defences = Read(parsed);
        var guard = load();
        return defences.Count == 0 ? guard : new DefendedGuard(guard, defences);
    }
}
