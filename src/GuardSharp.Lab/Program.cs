using GuardSharp.CommandLine;
using GuardSharp.Lab;

return await LabCommand.RunAsync(args, Terminal.OfProcess(), CancellationToken.None).ConfigureAwait(false);
