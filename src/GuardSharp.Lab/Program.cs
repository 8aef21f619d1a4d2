using GuardSharp.CommandLine;
using GuardSharp.Lab;
using GuardSharp.Torch;

return LibTorchContext.Run(typeof(LabCommand).Assembly, args)
    ?? await LabCommand.RunAsync(args, Terminal.OfProcess(), CancellationToken.None).ConfigureAwait(false);
