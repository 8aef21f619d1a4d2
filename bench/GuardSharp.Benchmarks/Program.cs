using GuardSharp.Benchmarks;

switch (args)
{
    case ["verdicts", var model, .. var rest]:
        await VerdictBenchmark.RunAsync(
            model,
            rest.Length > 0 ? int.Parse(rest[0], System.Globalization.CultureInfo.InvariantCulture) : 1000,
            rest.Length > 1 ? int.Parse(rest[1], System.Globalization.CultureInfo.InvariantCulture) : 0);
        break;
    default:
        Console.Error.WriteLine("usage: verdicts MODEL_FOLDER [COUNT] [THREADS]");
        return 2;
}

return 0;
