using System.Globalization;
using GuardSharp.Policies;
using Microsoft.Extensions.Configuration;

namespace GuardSharp.Server.Judging;

/// <summary>Reads policies from configuration, <c>GuardSharp:Policies:{name}</c>: the keys of a policy file, or Path to one.</summary>
internal static class PolicySections
{
    /// <summary>The section that names the policies.</summary>
    public const string Section = ServerOptions.Section + ":Policies";

    /// <summary>All policies by name.</summary>
    /// <exception cref="GuardException">One of them is no policy.</exception>
    public static IReadOnlyDictionary<string, Policy> Read(IConfiguration configuration)
    {
        var policies = new Dictionary<string, Policy>(StringComparer.Ordinal);
        foreach (var section in configuration.GetSection(Section).GetChildren())
        {
            policies.Add(section.Key, ReadPolicy(section));
        }

        return policies;
    }

    /// <summary>The files that policies are read from.</summary>
    public static IEnumerable<string> Files(IConfiguration configuration) =>
        configuration.GetSection(Section).GetChildren().Select(section => section["Path"]).OfType<string>();

    private static Policy ReadPolicy(IConfigurationSection section)
    {
        if (section["Path"] is { } path)
        {
            Allow(section, "Path");
            return Policy.ReadFile(path);
        }

        Allow(section, "Name", "Categories", "Thresholds");
        var categories = section.GetSection("Categories").GetChildren().Select(ReadCategory).ToList();
        try
        {
            return Policy.Create(
                section["Name"] ?? section.Key,
                categories.Count > 0 ? categories : Policy.MlCommons.Categories,
                section.GetSection("Thresholds").GetChildren().ToDictionary(entry => entry.Key, ReadThreshold));
        }
        catch (InvalidConversationException error)
        {
            throw new GuardException($"{section.Path}: {error.Message}", error);
        }
    }

    private static HazardCategory ReadCategory(IConfigurationSection section)
    {
        if (section.Value is { } code)
        {
            return HazardTaxonomy.Find(code)?.Category ?? throw new GuardException(
                $"{section.Path} is the unknown category \"{code}\"; allowed are S1 to S14. For one of your own write an object with Code and Name.");
        }

        Allow(section, "Code", "Name", "Description");
        var own = section["Code"] ?? throw new GuardException($"{section.Path} has no Code. Write an S and a number, such as S99.");
        var name = section["Name"] ?? HazardTaxonomy.Find(own)?.Category.Name ?? throw new GuardException($"{section.Path} has no Name, and \"{own}\" is none of S1 to S14.");
        return new HazardCategory(own, name, section["Description"]);
    }

    private static double ReadThreshold(IConfigurationSection section) =>
        double.TryParse(section.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new GuardException($"{section.Path} is \"{section.Value}\"; it must be a number above 0 and up to 1.");

    private static void Allow(IConfigurationSection section, params string[] keys)
    {
        if (section.GetChildren().FirstOrDefault(child => !keys.Contains(child.Key, StringComparer.OrdinalIgnoreCase)) is { } other)
        {
            throw new GuardException($"{other.Path}: there is no such key in a policy; allowed here are {string.Join(", ", keys)}.");
        }
    }
}
