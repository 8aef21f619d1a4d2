using System.Diagnostics.CodeAnalysis;

namespace GuardSharp.Hub;

/// <summary>A repository of models, such as <c>meta-llama/Llama-Guard-4-12B</c>. Its parts are safe as names of folders.</summary>
internal sealed record RepositoryName
{
    // The hub's own limit.
    private const int MaxLength = 96;

    private RepositoryName(string text) => Text = text;

    /// <summary>Owner and name.</summary>
    public string Text { get; }

    /// <summary>The name without its owner.</summary>
    public string ShortName => Text[(Text.IndexOf('/') + 1)..];

    /// <summary>The folder of the repository in the cache.</summary>
    public string FolderName => "models--" + Text.Replace("/", "--", StringComparison.Ordinal);

    /// <summary>Reads a name.</summary>
    /// <exception cref="HubException">It is none.</exception>
    public static RepositoryName Parse(string text) => TryParse(text, out var name) ? name : throw new HubException(
        $"\"{Checkpoints.Printable.Of(text)}\" is no repository; it must be OWNER/NAME, such as meta-llama/Llama-Guard-3-1B.");

    /// <summary>Reads a name, if it is one.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out RepositoryName? name)
    {
        var parts = text.Split('/');
        name = text.Length <= MaxLength && parts.Length == 2 && Array.TrueForAll(parts, IsPart) ? new RepositoryName(text) : null;
        return name is not null;
    }

    /// <summary>The repository a folder of the cache is for.</summary>
    public static bool TryParseFolder(string folderName, [NotNullWhen(true)] out RepositoryName? name)
    {
        name = null;
        return folderName.StartsWith("models--", StringComparison.Ordinal)
            && TryParse(folderName["models--".Length..].Replace("--", "/", StringComparison.Ordinal), out name);
    }

    // Two hyphens stand for the slash in folder names, and two dots lead to the parent.
    private static bool IsPart(string part) =>
        part.Length > 0 && part.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.')
        && part[0] is not ('-' or '.') && part[^1] is not ('-' or '.')
        && !part.Contains("--", StringComparison.Ordinal) && !part.Contains("..", StringComparison.Ordinal);
}
