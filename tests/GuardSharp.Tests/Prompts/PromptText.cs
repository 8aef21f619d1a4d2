using GuardSharp.Prompts;

namespace GuardSharp.Tests.Prompts;

/// <summary>Prompts as a person reads them: special tokens by name, images by place.</summary>
internal static class PromptText
{
    public static string Of(RenderedPrompt prompt) => string.Concat(prompt.Segments.Select(s => s switch
    {
        SpecialSegment special => special.Name,
        ImageSegment image => $"{{image {image.Index}}}",
        TextSegment text => text.Text,
        _ => throw new InvalidOperationException(s.ToString()),
    }));

    /// <summary>An approved prompt; the file's last newline is the file's, not the prompt's.</summary>
    public static string Approved(string name) =>
        File.ReadAllText(Path.Combine(TestFiles.Root, "tests", "GuardSharp.Tests", "Approval", "prompts", name + ".txt"))[..^1];
}
