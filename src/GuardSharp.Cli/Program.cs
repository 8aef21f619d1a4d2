using GuardSharp.Cli;
using GuardSharp.CommandLine;

return await GuardSharpCommand.RunAsync(args, Terminal.OfProcess(), CancellationToken.None).ConfigureAwait(false);
