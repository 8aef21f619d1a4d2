using GuardSharp.Checkpoints;

namespace GuardSharp.Lab.FineTuning.Runs;

/// <summary>What decides the numbers of a run: two parts with different ones would not be one run.</summary>
internal static class RunIdentity
{
    /// <summary>The configuration as text, without what may change on the way: where it computes, how long, how often it is judged and saved.</summary>
    public static string Of(SftConfig config, Checkpoint weights) => $"{weights.Sha256}\n" + SftConfigReader.ToJson(config with
    {
        Description = null,
        Base = "",
        Output = "",
        Device = "",
        Threads = null,
        BFloat16Products = null,
        Recompute = true,
        // A cosine ends where the run does.
        Steps = config.Optimiser.Schedule == RateSchedule.Cosine ? config.Steps : 1,
        CheckpointEvery = 0,
        Evaluation = new SftEvaluation(),
        Data = config.Data with { Dev = [], Strict = false },
    });
}
