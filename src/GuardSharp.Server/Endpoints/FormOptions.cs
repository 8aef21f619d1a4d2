namespace GuardSharp.Server.Endpoints;

/// <summary>How verdicts are told in other services' words. Section <c>GuardSharp:Forms</c>.</summary>
internal sealed class FormOptions
{
    /// <summary>The section of configuration.</summary>
    public const string Section = "GuardSharp:Forms";

    /// <summary>OpenAI's categories by our code, separated by commas; an empty text means none. A code that is named here replaces its default, others keep theirs.</summary>
    public IDictionary<string, string> OpenAICategories { get; set; } = new Dictionary<string, string>();

    /// <summary>Mistral's categories by our code, as <see cref="OpenAICategories"/>.</summary>
    public IDictionary<string, string> MistralCategories { get; set; } = new Dictionary<string, string>();

    /// <summary>The Llama API's names of categories by our code; one name each.</summary>
    public IDictionary<string, string> LlamaApiCategories { get; set; } = new Dictionary<string, string>();
}
