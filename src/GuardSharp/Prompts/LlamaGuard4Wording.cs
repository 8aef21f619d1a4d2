namespace GuardSharp.Prompts;

/// <summary>Where the variants of Llama Guard 4's prompt differ.</summary>
internal sealed record LlamaGuard4Wording
{
    /// <summary>What follows the full stop of a category's name.</summary>
    public string AfterCategory { get; private init; } = "";

    /// <summary>What follows <c>&lt;BEGIN CONVERSATION&gt;</c>.</summary>
    public string AfterBegin { get; private init; } = "\n";

    /// <summary>What follows the text of a line.</summary>
    public string AfterLine { get; private init; } = "\n\n";

    /// <summary>What stands between the last line and <c>&lt;END CONVERSATION&gt;</c>.</summary>
    public string BeforeEnd { get; private init; } = "";

    /// <summary>What follows the role in "ONLY THE LAST User".</summary>
    public string AfterRole { get; private init; } = " message";

    /// <summary>What stands before the dash of an instruction.</summary>
    public string Indent { get; private init; } = " ";

    /// <summary>What stands before the end tag.</summary>
    public string BeforeEndTag { get; private init; } = " ";

    /// <summary>The wording of a variant.</summary>
    public static LlamaGuard4Wording Of(PromptVariant variant) => variant switch
    {
        // The template meant two newlines and wrote backslash, n, backslash, n; the real ones are left over from its own lines.
        PromptVariant.HuggingFace => new() { AfterLine = "\\n\\n\n\n", BeforeEnd = "\n" },
        PromptVariant.MetaDocs => new() { AfterCategory = " ", AfterBegin = "\n\n", AfterRole = "", Indent = "", BeforeEndTag = "" },
        PromptVariant.Clean => new(),
        _ => throw new ArgumentOutOfRangeException(nameof(variant), variant, "Not a variant of Llama Guard 4's prompt."),
    };
}
