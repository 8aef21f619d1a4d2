using System.CommandLine;

namespace GuardSharp.CommandLine;

/// <summary>A command that runs until it is told to stop: it listens to signals itself, and takes its time to finish what it has begun.</summary>
internal sealed class ServiceCommand(string name, string description) : Command(name, description);
