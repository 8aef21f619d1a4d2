using GuardSharp.Checkpoints;
using GuardSharp.Prompts;

namespace GuardSharp;

/// <summary>Which wording of the prompt a model folder wants.</summary>
internal static class PromptVariants
{
    /// <summary>The one that was named, else the manifest's, else what the chat template's wording says, else that of the architecture.</summary>
    /// <exception cref="CheckpointException">The manifest names an unknown one, or the template is of no known wording.</exception>
    public static PromptVariant Of(string folder, GuardManifest? manifest, PromptVariant? named)
    {
        if (named is null && manifest?.PromptVariant is { } name)
        {
            return Enum.TryParse<PromptVariant>(name, ignoreCase: true, out var variant)
                ? variant
                : throw new CheckpointException(
                    $"{folder}: promptVariant of {GuardManifest.FileName} is \"{name}\"; it may be {string.Join(", ", Enum.GetNames<PromptVariant>())}.");
        }

        return named ?? (ChatTemplate.Read(folder) is { } template
            ? TemplateProbe.Choose(template, folder)
            : ModelFamily.Of(ModelConfig.Read(folder)).DefaultVariant);
    }
}
