using System.IO.Enumeration;

namespace GuardSharp.Hub;

/// <summary>Which files of a repository are fetched.</summary>
/// <param name="Include">Patterns with * (also across slashes) and ?; a pattern that ends in a slash means a folder. Empty: what GuardSharp reads.</param>
/// <param name="Exclude">Patterns of files that are left out all the same.</param>
internal sealed record FileSelection(IReadOnlyList<string> Include, IReadOnlyList<string> Exclude)
{
    // Configuration, tokenizer, weights, templates, licences. Not original/ (the same weights again, in Meta's format), .bin, .pth or a dozen quantisations.
    private static readonly string[] _read =
        ["*.json", "*.safetensors", "*.model", "*.jinja", "*.md", "*.txt", "LICENSE*", "LICENCE*", "NOTICE*", "USE_POLICY*"];

    /// <summary>The files to fetch.</summary>
    /// <exception cref="HubException">There is none.</exception>
    public IReadOnlyList<HubFile> Choose(HubListing listing, string repository)
    {
        var chosen = listing.Files.Where(IsChosen).ToList();
        if (chosen.Count > 0 && (Include.Count > 0 || chosen.Exists(file => IsWeights(file.Path)) || !listing.Files.Any(file => IsWeights(file.Path) || IsOther(file.Path))))
        {
            return chosen;
        }

        var other = listing.Files.Where(file => IsOther(file.Path)).Select(file => Checkpoints.Printable.Of(file.Path)).Take(5).ToList();
        throw new HubException(listing.Files.Count == 0 ? $"{repository} holds no files at this revision. Look at its page, or name another with --revision."
            : other.Count > 0 ? $"{repository} holds no safetensors weights. Choose one of its files with --include, such as {string.Join(", ", other)}."
            : $"No file of {repository} matches. It holds {string.Join(", ", listing.Files.Take(10).Select(file => Checkpoints.Printable.Of(file.Path)))}.");
    }

    private bool IsChosen(HubFile file) =>
        (Include.Count > 0 ? Include.Any(pattern => Matches(pattern, file.Path)) : !file.Path.Contains('/') && _read.Any(pattern => Matches(pattern, file.Path)))
        && !Exclude.Any(pattern => Matches(pattern, file.Path));

    private static bool IsWeights(string path) => path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase);

    private static bool IsOther(string path) => path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase);

    private static bool Matches(string pattern, string path) =>
        FileSystemName.MatchesSimpleExpression(pattern.EndsWith('/') ? pattern + "*" : pattern, path, ignoreCase: false);
}
