using System.ComponentModel;
using System.Globalization;
using GuardSharp.Policies;

namespace GuardSharp.Extensions.AI;

/// <summary>A policy in configuration: the keys of a policy file, or the path of one.</summary>
public sealed class GuardPolicyOptions
{
    /// <summary>A policy file; null: what stands beside it here.</summary>
    public string? Path { get; set; }

    /// <summary>The categories: codes such as "S1", or objects with Code, Name and Description. None: all of MLCommons.</summary>
    public List<GuardCategoryOptions> Categories { get; } = [];

    /// <summary>Thresholds by code, in (0, 1].</summary>
    public Dictionary<string, double> Thresholds { get; } = [];

    /// <summary>The policy.</summary>
    /// <exception cref="GuardException">It is none.</exception>
    internal Policy Create(string name)
    {
        if (Path is null)
            return Policy.Create(name, Categories.Count > 0 ? Categories.Select(category => category.Create()) : Policy.MlCommons.Categories, Thresholds);
        if (Categories.Count > 0 || Thresholds.Count > 0)
            throw new GuardException("Path stands beside Categories or Thresholds. Write them in the file, or leave Path out.");
        return Policy.ReadFile(Path);
    }
}

/// <summary>A category of a policy in configuration.</summary>
[TypeConverter(typeof(FromCode))]
public sealed class GuardCategoryOptions
{
    /// <summary>An S and a number.</summary>
    public string Code { get; set; } = "";

    /// <summary>Its name; null: that of S1 to S14.</summary>
    public string? Name { get; set; }

    /// <summary>One line that says what belongs to it; null: none.</summary>
    public string? Description { get; set; }

    internal HazardCategory Create() => new(
        Code,
        Name ?? Policy.MlCommons.Categories.FirstOrDefault(category => category.Code == Code)?.Name
            ?? throw new GuardException($"The category \"{Code}\" has no Name, and is none of S1 to S14."),
        Description);

    /// <summary>A code alone stands for its category.</summary>
    private sealed class FromCode : TypeConverter
    {
        public override bool CanConvertFrom(ITypeDescriptorContext? context, Type sourceType) => sourceType == typeof(string);

        public override object? ConvertFrom(ITypeDescriptorContext? context, CultureInfo? culture, object value) => new GuardCategoryOptions { Code = (string)value };
    }
}
