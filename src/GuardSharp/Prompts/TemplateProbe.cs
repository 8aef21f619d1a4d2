namespace GuardSharp.Prompts;

/// <summary>What seven probes find in the text of a chat template.</summary>
/// <param name="Wording">How it writes "according to our safety policy".</param>
/// <param name="LiteralPairs">It prints backslash and n where a newline was meant.</param>
/// <param name="NewlinesAfterBegin">How many newlines follow <c>&lt;BEGIN CONVERSATION&gt;</c>.</param>
/// <param name="BlankBeforeEnd">A blank stands before the end tag.</param>
/// <param name="JoinedWords">It prints <c>&lt;BEGIN UNSAFECONTENT CATEGORIES&gt;</c>.</param>
/// <param name="ReadsExcluded">It reads <c>excluded_category_keys</c>.</param>
/// <param name="PrintsImage">It prints <c>&lt;|image|&gt;</c>.</param>
internal sealed record TemplateProbe(
    PolicyWording Wording, bool LiteralPairs, int NewlinesAfterBegin, bool BlankBeforeEnd, bool JoinedWords, bool ReadsExcluded, bool PrintsImage)
{
    private const string Begin = "<BEGIN CONVERSATION>";

    /// <summary>Probes a template.</summary>
    public static TemplateProbe Of(string template)
    {
        var text = TemplateSkeleton.Of(template);
        var begin = text.IndexOf(Begin, StringComparison.Ordinal);
        var after = begin < 0 ? "" : text[(begin + Begin.Length)..];
        var end = text.IndexOf("<|eot", StringComparison.Ordinal);
        return new TemplateProbe(
            text.Contains("according to our safety policy", StringComparison.Ordinal) ? PolicyWording.AccordingToOur
                : text.Contains("according our safety policy", StringComparison.Ordinal) ? PolicyWording.AccordingOur : PolicyWording.Neither,
            text.Contains("\\n", StringComparison.Ordinal),
            after.Length - after.TrimStart('\n').Length,
            end > 0 && text[..end].TrimEnd('\0').EndsWith(' '),
            text.Contains("<BEGIN UNSAFECONTENT", StringComparison.Ordinal),
            template.Contains("excluded_category_keys", StringComparison.Ordinal),
            template.Contains("<|image|>", StringComparison.Ordinal));
    }

    /// <summary>The variant these findings are those of, or null.</summary>
    public PromptVariant? Variant => this switch
    {
        { Wording: PolicyWording.AccordingToOur, LiteralPairs: true, NewlinesAfterBegin: 1, BlankBeforeEnd: true, JoinedWords: false, ReadsExcluded: true }
            => PromptVariant.HuggingFace,
        { Wording: PolicyWording.AccordingToOur, LiteralPairs: false, NewlinesAfterBegin: 1, BlankBeforeEnd: true, JoinedWords: false, ReadsExcluded: true }
            => PromptVariant.Clean,
        { Wording: PolicyWording.AccordingToOur, LiteralPairs: false, NewlinesAfterBegin: 2, BlankBeforeEnd: false, JoinedWords: false }
            => PromptVariant.MetaDocs,
        { Wording: PolicyWording.AccordingOur, LiteralPairs: false, NewlinesAfterBegin: 2 } => Guard3,
        _ => null,
    };

    /// <summary>Which of Llama Guard 3's, given its wording and newlines. Only the older templates of 8B and of Vision do not read excluded categories.</summary>
    private PromptVariant? Guard3 => this switch
    {
        { BlankBeforeEnd: false, JoinedWords: false, ReadsExcluded: false, PrintsImage: false } => PromptVariant.Guard3,
        { BlankBeforeEnd: true, JoinedWords: false, ReadsExcluded: true, PrintsImage: false } => PromptVariant.Guard3Small,
        { BlankBeforeEnd: true, JoinedWords: false, ReadsExcluded: true, PrintsImage: true } => PromptVariant.Guard3Vision,
        { BlankBeforeEnd: true, JoinedWords: true, PrintsImage: true } => PromptVariant.Guard3VisionFirst,
        _ => null,
    };

    /// <summary>The variant a model folder wants.</summary>
    /// <param name="template">Its chat template.</param>
    /// <param name="source">What errors call the template.</param>
    /// <exception cref="CheckpointException">The template is of no known variant.</exception>
    public static PromptVariant Choose(string template, string source)
    {
        var probe = Of(template);
        return probe.Variant ?? throw new CheckpointException(
            $"{source}: the chat template is of no variant this version knows ({probe.Describe()}). "
            + $"Known are those of Llama Guard 3 and 4 ({string.Join(", ", Enum.GetNames<PromptVariant>())}): name one with --prompt-variant if you are sure that the model follows it.");
    }

    private string Describe() =>
        $"wording {Wording}, "
        + $"{(LiteralPairs ? "literal" : "no literal")} backslash-n, {NewlinesAfterBegin} newlines after {Begin}, "
        + $"{(BlankBeforeEnd ? "a" : "no")} blank before the end tag, {(JoinedWords ? "UNSAFECONTENT" : "UNSAFE CONTENT")}, "
        + $"excluded_category_keys {(ReadsExcluded ? "read" : "not read")}, "
        + $"{(PrintsImage ? "an" : "no")} image";
}

/// <summary>How a template names the policy.</summary>
internal enum PolicyWording
{
    /// <summary>In neither known way.</summary>
    Neither,

    /// <summary>"according our safety policy": Llama Guard 3.</summary>
    AccordingOur,

    /// <summary>"according to our safety policy": Llama Guard 4.</summary>
    AccordingToOur,
}
