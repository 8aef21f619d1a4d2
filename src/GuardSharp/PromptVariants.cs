using GuardSharp.Checkpoints;
using GuardSharp.Prompts;

namespace GuardSharp;

/// <summary>Which wording of the prompt a model folder wants.</summary>
internal static class PromptVariants
{
    /// <summary>The manifest's, else what the chat template's wording says.</summary>
    /// <exception cref="CheckpointException">Neither says it.</exception>
    public static PromptVariant Of(string folder, GuardManifest? manifest)
    {
        if (manifest?.PromptVariant is { } name)
        {
            return Enum.TryParse<PromptVariant>(name, ignoreCase: true, out var named)
                ? named
                : throw new CheckpointException(
                    $"{folder}/{GuardManifest.FileName}: promptVariant is \"{name}\"; it may be {string.Join(", ", Enum.GetNames<PromptVariant>())}.");
        }

        var template = ChatTemplate.Read(folder) ?? throw new CheckpointException(
            $"{folder}: there is no chat template, so the wording of the prompt is unknown. Name it: --prompt-variant {string.Join(" | ", Enum.GetNames<PromptVariant>())}.");
        throw new CheckpointException($"{folder}: template of {template.Length} characters is unknown");
    }
}
