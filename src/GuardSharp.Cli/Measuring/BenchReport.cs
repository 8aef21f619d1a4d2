namespace GuardSharp.Cli.Measuring;

/// <summary>What <c>bench</c> measured.</summary>
internal sealed record BenchReport
{
    /// <summary>Name and hash of the model.</summary>
    public required string Model { get; init; }

    /// <summary>Threads of the kernels.</summary>
    public required int Threads { get; init; }

    /// <summary>From the start to a model that judges; one sample, for a process starts once.</summary>
    public required StartUp Start { get; init; }

    /// <summary>By kind of conversation, as a running process does it: the policy's keys and values are there already.</summary>
    public required IReadOnlyDictionary<string, VerdictTimes> Cached { get; init; }

    /// <summary>The same with every cache off.</summary>
    public required IReadOnlyDictionary<string, VerdictTimes> Uncached { get; init; }

    /// <summary>Tokens a second that the network reads, <see cref="PrefillTokens"/> at a time behind nothing.</summary>
    public required double PrefillTokensPerSecond { get; init; }

    /// <summary>Tokens of the prompt whose reading was measured.</summary>
    public required int PrefillTokens { get; init; }

    /// <summary>Tokens a second one after the other behind that prompt, with the logits of the whole vocabulary.</summary>
    public required double DecodeTokensPerSecond { get; init; }

    /// <summary>Verdicts a second on short texts, by how many are handed in together; null: it would have taken too long.</summary>
    public required IReadOnlyDictionary<int, double?> VerdictsPerSecond { get; init; }

    /// <summary>Largest resident memory of the process until all of this but the uncached part was done, in 1e6 bytes; mapped weights that were touched count.</summary>
    public required double PeakResidentMegabytes { get; init; }
}

/// <summary>Milliseconds of a start.</summary>
/// <param name="ProcessStartToReady">From the start of the process, as the system tells it, to a loaded model.</param>
/// <param name="Load">Loading the model alone.</param>
/// <param name="FirstVerdict">The first verdict on a short text: kernels are compiled and weights touched.</param>
internal sealed record StartUp(double ProcessStartToReady, double Load, double FirstVerdict);

/// <summary>Times from a conversation to its verdict.</summary>
/// <param name="Milliseconds">Ascending.</param>
/// <param name="PromptTokens">Tokens of the last prompt.</param>
/// <param name="ImageTokens">Those of them that stand for pictures.</param>
internal sealed record VerdictTimes(IReadOnlyList<double> Milliseconds, int PromptTokens, int ImageTokens)
{
    /// <summary>The middle one; of an even number the mean of both.</summary>
    public double P50 => (Milliseconds[(Milliseconds.Count - 1) / 2] + Milliseconds[Milliseconds.Count / 2]) / 2;

    /// <summary>The least that 95 of 100 do not exceed.</summary>
    public double P95 => Milliseconds[(int)Math.Ceiling(Milliseconds.Count * 0.95) - 1];
}
