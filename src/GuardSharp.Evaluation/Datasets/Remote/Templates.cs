using System.Text.Json;
using System.Text.Json.Serialization;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Datasets.Remote;

/// <summary>A text put around a prompt, to see whether a model still declines.</summary>
/// <param name="Name">One word, part of the ids of rows.</param>
/// <param name="Text">Holds <c>{prompt}</c> once.</param>
internal sealed record PromptTemplate(string Name, string Text)
{
    /// <summary>Where the prompt goes.</summary>
    public const string Place = "{prompt}";

    /// <summary>The whole text.</summary>
    public string Around(string prompt) => Text.Replace(Place, prompt, StringComparison.Ordinal);
}

/// <summary>A file of templates: <c>{"templates":[{"name","text"}]}</c>.</summary>
/// <param name="Templates">The templates.</param>
internal sealed record TemplateFile(IReadOnlyList<PromptTemplate> Templates)
{
    private static readonly JsonSerializerOptions _options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <summary>Those that come along: mild and general, and known to every model.</summary>
    public static IReadOnlyList<PromptTemplate> Shipped()
    {
        using var stream = typeof(TemplateFile).Assembly.GetManifestResourceStream("GuardSharp.Evaluation.Templates.json")!;
        return JsonSerializer.Deserialize<TemplateFile>(stream, _options)!.Templates;
    }

    /// <summary>Those of a file.</summary>
    /// <exception cref="SampleFileException">The file is missing, or a template lacks its name or place.</exception>
    public static IReadOnlyList<PromptTemplate> Read(string path)
    {
        try
        {
            var templates = JsonSerializer.Deserialize<TemplateFile>(File.ReadAllBytes(path), _options)?.Templates ?? [];
            return templates.Count > 0 && templates.All(IsGood) && templates.DistinctBy(template => template.Name).Count() == templates.Count
                ? templates
                : throw new JsonException($"Each template needs a name of its own, of letters, digits and hyphens, and {PromptTemplate.Place} once in its text.");
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new SampleFileException($"{path}: not a file of templates {{\"templates\":[{{\"name\",\"text\"}}]}}: {error.Message}", error);
        }
    }

    private static bool IsGood(PromptTemplate template) =>
        template.Name.Length > 0 && template.Name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter == '-')
        && template.Text.Split(PromptTemplate.Place).Length == 2;
}
