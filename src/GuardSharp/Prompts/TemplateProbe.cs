namespace GuardSharp.Prompts;

/// <summary>What six probes find in the text of a chat template.</summary>
/// <param name="AccordingTo">The wording is "according to our", not "according our".</param>
/// <param name="LiteralPairs">It prints backslash and n where a newline was meant.</param>
/// <param name="NewlinesAfterBegin">How many newlines follow <c>&lt;BEGIN CONVERSATION&gt;</c>.</param>
/// <param name="BlankBeforeEnd">A blank stands before the end tag.</param>
/// <param name="JoinedWords">It prints <c>&lt;BEGIN UNSAFECONTENT CATEGORIES&gt;</c>.</param>
/// <param name="ReadsExcluded">It reads <c>excluded_category_keys</c>.</param>
internal sealed record TemplateProbe(
    bool AccordingTo, bool LiteralPairs, int NewlinesAfterBegin, bool BlankBeforeEnd, bool JoinedWords, bool ReadsExcluded)
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
            text.Contains("according to our safety policy", StringComparison.Ordinal),
            text.Contains("\\n", StringComparison.Ordinal),
            after.Length - after.TrimStart('\n').Length,
            end > 0 && text[..end].TrimEnd('\0').EndsWith(' '),
            text.Contains("<BEGIN UNSAFECONTENT", StringComparison.Ordinal),
            template.Contains("excluded_category_keys", StringComparison.Ordinal));
    }

    /// <summary>The variant these findings are those of, or null.</summary>
    public PromptVariant? Variant => this switch
    {
        { AccordingTo: true, LiteralPairs: true, NewlinesAfterBegin: 1, BlankBeforeEnd: true, JoinedWords: false, ReadsExcluded: true }
            => PromptVariant.HuggingFace,
        { AccordingTo: true, LiteralPairs: false, NewlinesAfterBegin: 1, BlankBeforeEnd: true, JoinedWords: false, ReadsExcluded: true }
            => PromptVariant.Clean,
        { AccordingTo: true, LiteralPairs: false, NewlinesAfterBegin: 2, BlankBeforeEnd: false, JoinedWords: false }
            => PromptVariant.MetaDocs,
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
            + "Known are HuggingFace, MetaDocs and Clean of Llama Guard 4: name one with --prompt-variant if you are sure that the model follows it.");
    }

    private string Describe() =>
        $"\"according {(AccordingTo ? "to our" : "our")}\" {(AccordingTo ? "found" : "or neither wording")}, "
        + $"{(LiteralPairs ? "literal" : "no literal")} backslash-n, {NewlinesAfterBegin} newlines after {Begin}, "
        + $"{(BlankBeforeEnd ? "a" : "no")} blank before the end tag, {(JoinedWords ? "UNSAFECONTENT" : "UNSAFE CONTENT")}, "
        + $"excluded_category_keys {(ReadsExcluded ? "read" : "not read")}";
}
