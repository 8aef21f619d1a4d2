using GuardSharp.Policies;

namespace GuardSharp.CommandLine;

/// <summary>A verdict as JSON, schema 1.</summary>
internal static class VerdictJson
{
    /// <summary>Writes the verdict as one document.</summary>
    public static void Write(TextWriter output, Verdict verdict) => JsonOutput.Write(output, json =>
    {
        json.WriteNumber("schema", 1);
        json.WriteString("model", verdict.Model);
        json.WriteString("task", TaskName(verdict.Task));
        json.WriteBoolean("unsafe", verdict.Unsafe);
        json.WriteNumber("unsafeProbability", verdict.UnsafeProbability);
        json.WriteNumber("threshold", verdict.Threshold);
        json.WriteTexts("categories", verdict.Categories);
        json.WriteStartObject("categoryProbabilities");
        foreach (var (code, probability) in verdict.CategoryProbabilities)
        {
            json.WriteNumber(code, probability);
        }

        json.WriteEndObject();
        json.WriteNumber("categoryUncertainty", verdict.CategoryUncertainty);
        json.WriteTexts("warnings", verdict.Warnings);
        json.WriteStartObject("tokens");
        json.WriteNumber("prompt", verdict.PromptTokens);
        json.WriteNumber("image", verdict.ImageTokens);
        json.WriteEndObject();
        json.WriteNumber("elapsedMilliseconds", Math.Round(verdict.Elapsed.TotalMilliseconds, 3));
    });

    /// <summary>The task's word in JSON.</summary>
    public static string TaskName(VerdictTask task) => task == VerdictTask.PromptClassification ? "prompt" : "response";
}
