using Microsoft.Extensions.Configuration;

namespace GuardSharp.Server;

/// <summary>Reads sections that hold one entry a name. A key that nobody knows is an error: a mistyped threshold must not be none.</summary>
internal static class ConfigurationSections
{
    /// <summary>The entries of a section by their names.</summary>
    /// <exception cref="GuardException">An entry holds a key or a value that cannot be understood.</exception>
    public static IReadOnlyDictionary<string, T> ReadEach<T>(this IConfiguration configuration, string section)
        where T : new()
    {
        var entries = new Dictionary<string, T>(StringComparer.Ordinal);
        foreach (var entry in configuration.GetSection(section).GetChildren())
        {
            try
            {
                entries.Add(entry.Key, entry.Get<T>(binder => binder.ErrorOnUnknownConfiguration = true) ?? new T());
            }
            catch (InvalidOperationException error)
            {
                throw new GuardException($"{entry.Path}: {error.Message} {error.InnerException?.Message}".TrimEnd(), error);
            }
        }

        return entries;
    }
}
