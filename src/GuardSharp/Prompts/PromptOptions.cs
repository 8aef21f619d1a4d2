namespace GuardSharp.Prompts;

/// <summary>Which wording of the prompt a model was trained with.</summary>
public enum PromptVariant
{
    /// <summary>Llama Guard 4 as its published chat template renders it, byte for byte, with the template's literal <c>\n\n</c>.</summary>
    HuggingFace,

    /// <summary>Llama Guard 4 as Meta's documentation page prints it.</summary>
    MetaDocs,

    /// <summary>Llama Guard 4 as its template was meant: real empty lines in place of the literal <c>\n\n</c>.</summary>
    Clean,

    /// <summary>Llama Guard 3 8B: S1 to S14, no blank before the end tag.</summary>
    Guard3,

    /// <summary>Llama Guard 3 1B, whole or pruned: S1 to S13.</summary>
    Guard3Small,

    /// <summary>Llama Guard 3 11B Vision: S1 to S13, the image before the task.</summary>
    Guard3Vision,

    /// <summary>Llama Guard 3 11B Vision as its first template had it, with <c>&lt;BEGIN UNSAFECONTENT CATEGORIES&gt;</c>.</summary>
    Guard3VisionFirst,

    /// <summary>The short form of GuardSharp's own models: turns are delimited by special tokens.</summary>
    Compact,
}

/// <summary>What happens to text of a message that looks like the template's own structure.</summary>
public enum StructuralText
{
    /// <summary>It is rewritten visibly, so that no message can forge a turn, and reported. Other messages stay as they are, byte for byte.</summary>
    Neutralise,

    /// <summary>It stays: the published behaviour, for reproducing numbers.</summary>
    Verbatim,
}

/// <summary>What happens to images beyond those a model takes. Llama Guard 3 Vision takes one.</summary>
public enum ImageLimit
{
    /// <summary>They are an error.</summary>
    Error,

    /// <summary>The last ones of the conversation are judged, as many as the model takes; the verdict says how many were left out.</summary>
    LastOnly,
}

/// <summary>What happens to tool calls and tool results, for which no published form exists.</summary>
public enum ToolTurns
{
    /// <summary>A call is a line of the assistant that holds its JSON, a result is evidence on the user's side.</summary>
    Include,

    /// <summary>They are left out.</summary>
    Omit,

    /// <summary>They are an error.</summary>
    Refuse,
}

/// <summary>How a conversation becomes a prompt.</summary>
public sealed record PromptOptions
{
    /// <summary>The treatment of text that looks like structure.</summary>
    public StructuralText StructuralText { get; init; } = StructuralText.Neutralise;

    /// <summary>Whether system messages enter the prompt (as context; they are never judged).</summary>
    public bool IncludeSystem { get; init; }

    /// <summary>The treatment of tool calls and results.</summary>
    public ToolTurns ToolTurns { get; init; } = ToolTurns.Include;

    /// <summary>The treatment of images beyond those the model takes.</summary>
    public ImageLimit ImageLimit { get; init; } = ImageLimit.Error;

    /// <summary>Whether the description of a category stands on the line under its name, where it has one.</summary>
    public bool IncludeDescriptions { get; init; }
}
