using GuardSharp.Policies;

namespace GuardSharp.Server.Judging;

/// <summary>A verdict in our own form.</summary>
/// <param name="Id">The decision's id.</param>
/// <param name="Model">The model that judged, with 12 digits of its weights' SHA-256.</param>
/// <param name="Task">What was judged: "prompt" or "response".</param>
/// <param name="Unsafe">The verdict.</param>
/// <param name="UnsafeProbability">P(unsafe), in [0, 1].</param>
/// <param name="Threshold">The threshold it was held against.</param>
/// <param name="Categories">Codes of the violated categories.</param>
/// <param name="CategoryProbabilities">By code: the probability that the verdict is unsafe and lists the category.</param>
/// <param name="CategoryUncertainty">Every true category probability lies between its value and its value plus this.</param>
/// <param name="PolicyVersion">The policy that was applied: its name and 12 digits that change with its content.</param>
/// <param name="Warnings">What a reader must know to trust the numbers.</param>
/// <param name="Tokens">What the prompt took.</param>
/// <param name="ElapsedMilliseconds">From the guard's call to the verdict.</param>
/// <param name="QueuedMilliseconds">The part of it spent waiting.</param>
internal sealed record VerdictBody(
    string Id,
    string Model,
    string Task,
    bool Unsafe,
    double UnsafeProbability,
    double Threshold,
    IReadOnlyList<string> Categories,
    IReadOnlyDictionary<string, double> CategoryProbabilities,
    double CategoryUncertainty,
    string PolicyVersion,
    IReadOnlyList<string> Warnings,
    TokenCounts Tokens,
    double ElapsedMilliseconds,
    double QueuedMilliseconds)
{
    /// <summary>The body of a judgement.</summary>
    public static VerdictBody Of(Judgement judgement)
    {
        var verdict = judgement.Verdict;
        return new VerdictBody(
            judgement.Id,
            verdict.Model,
            TaskName(verdict.Task),
            verdict.Unsafe,
            verdict.UnsafeProbability,
            verdict.Threshold,
            verdict.Categories,
            verdict.CategoryProbabilities,
            verdict.CategoryUncertainty,
            verdict.PolicyVersion,
            verdict.Warnings,
            new TokenCounts(verdict.PromptTokens, verdict.ImageTokens),
            Math.Round(verdict.Elapsed.TotalMilliseconds, 3),
            Math.Round(verdict.Queued.TotalMilliseconds, 3));
    }

    /// <summary>The task's word.</summary>
    public static string TaskName(VerdictTask task) => task == VerdictTask.PromptClassification ? "prompt" : "response";
}

/// <summary>Tokens of a prompt.</summary>
/// <param name="Prompt">All of them.</param>
/// <param name="Image">Those of pictures alone.</param>
internal sealed record TokenCounts(int Prompt, int Image);

/// <summary>One entry of a batch: a verdict or an error, never neither.</summary>
/// <param name="Index">Its place in the request's inputs, from 0.</param>
/// <param name="Verdict">The verdict; null where there is none.</param>
/// <param name="Error">Why there is no verdict; such an entry is not safe, it is not judged.</param>
internal sealed record BatchEntry(int Index, VerdictBody? Verdict, ApiError? Error);

/// <summary>The answer to a batch.</summary>
/// <param name="Results">One entry for each input, in their order.</param>
internal sealed record BatchBody(IReadOnlyList<BatchEntry> Results);
