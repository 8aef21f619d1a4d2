namespace GuardSharp.Prompts;

/// <summary>Where the variants of Llama Guard's prompt differ.</summary>
internal sealed record LlamaGuardWording
{
    /// <summary>The special token before the role of a message.</summary>
    public string HeaderStart { get; private init; } = "<|header_start|>";

    /// <summary>The special token behind the role of a message.</summary>
    public string HeaderEnd { get; private init; } = "<|header_end|>";

    /// <summary>The special token at the end of a message.</summary>
    public string EndTag { get; private init; } = "<|eot|>";

    /// <summary>The wording of "in conversations according to our safety policy".</summary>
    public string According { get; private init; } = "according to our";

    /// <summary>The line before the categories.</summary>
    public string BeginCategories { get; private init; } = "<BEGIN UNSAFE CONTENT CATEGORIES>";

    /// <summary>Whether the model knows S14; the default list loses it otherwise.</summary>
    public bool KnowsCodeInterpreter { get; private init; } = true;

    /// <summary>Whether images stand before the task, each followed by the blank of the template, and a turn of images alone has no line.</summary>
    public bool ImagesFirst { get; private init; }

    /// <summary>Whether the model was made for conversations with an image and no others.</summary>
    public bool NeedsImage { get; private init; }

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
    public static LlamaGuardWording Of(PromptVariant variant) => variant switch
    {
        // The template meant two newlines and wrote backslash, n, backslash, n; the real ones are left over from its own lines.
        PromptVariant.HuggingFace => new() { AfterLine = "\\n\\n\n\n", BeforeEnd = "\n" },
        PromptVariant.MetaDocs => new() { AfterCategory = " ", AfterBegin = "\n\n", AfterRole = "", Indent = "", BeforeEndTag = "" },
        PromptVariant.Clean => new(),
        PromptVariant.Guard3 => Llama3 with { BeforeEndTag = "" },
        PromptVariant.Guard3Small => Llama3 with { KnowsCodeInterpreter = false },
        PromptVariant.Guard3Vision => Vision,
        PromptVariant.Guard3VisionFirst => Vision with { BeginCategories = "<BEGIN UNSAFECONTENT CATEGORIES>" },
        _ => throw new ArgumentOutOfRangeException(nameof(variant), variant, "Not a variant of Llama Guard's prompt."),
    };

    private static LlamaGuardWording Llama3 => new()
    {
        HeaderStart = "<|start_header_id|>",
        HeaderEnd = "<|end_header_id|>",
        EndTag = "<|eot_id|>",
        According = "according our",
        AfterBegin = "\n\n",
    };

    private static LlamaGuardWording Vision => Llama3 with { KnowsCodeInterpreter = false, ImagesFirst = true, NeedsImage = true };
}
