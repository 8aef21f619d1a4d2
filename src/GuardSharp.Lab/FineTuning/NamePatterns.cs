using System.Text.RegularExpressions;
using GuardSharp.Lab.Training;

namespace GuardSharp.Lab.FineTuning;

/// <summary>Tensors by patterns of their published names: <c>*</c> stands for any letters, everything else for itself.</summary>
internal sealed class NamePatterns
{
    private readonly (string Text, Regex Expression)[] _patterns;

    /// <param name="patterns">Such as <c>vision_model.*</c> or <c>*.layers.0.*</c>.</param>
    public NamePatterns(IEnumerable<string> patterns) => _patterns =
    [
        .. patterns.Select(pattern => (pattern, new Regex(
            $"^{Regex.Escape(pattern).Replace("\\*", ".*", StringComparison.Ordinal)}$", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking))),
    ];

    /// <summary>Whether any pattern is that of a name.</summary>
    public bool Match(string name) => Array.Exists(_patterns, pattern => pattern.Expression.IsMatch(name));

    /// <summary>Refuses a pattern that fits no name: it was meant to do something.</summary>
    /// <param name="key">Where the patterns stand in the configuration.</param>
    /// <param name="names">The names there are.</param>
    /// <exception cref="TrainingException">One fits none.</exception>
    public void RequireUse(string key, IReadOnlyCollection<string> names)
    {
        foreach (var (text, expression) in _patterns)
        {
            if (!names.Any(expression.IsMatch))
            {
                throw new TrainingException($"\"{key}\" holds \"{text}\", which is the name of no tensor of the model. Names are like \"{names.FirstOrDefault()}\"; * stands for any letters.");
            }
        }
    }
}
