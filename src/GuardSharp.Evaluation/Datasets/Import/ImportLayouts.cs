using GuardSharp.Evaluation.Datasets.Import.Layouts;

namespace GuardSharp.Evaluation.Datasets.Import;

/// <summary>The published forms that are known.</summary>
internal static class ImportLayouts
{
    /// <summary>All of them; a data set may have several.</summary>
    public static IReadOnlyList<ImportLayout> All { get; } =
    [
        .. XsTest.Layouts,
        OpenAIModeration.Layout,
        .. HarmBench.Layouts,
        AILuminate.Layout,
        ToxicChat.Layout,
        BeaverTails.Layout,
        WildGuard.Layout,
        VlGuard.Layout,
        MmSafetyBench.Layout,
        FigStep.Layout,
    ];

    /// <summary>The names of the data sets.</summary>
    public static IReadOnlyList<string> Formats { get; } = [.. All.Select(layout => layout.Format).Distinct()];

    /// <summary>The layouts of a data set.</summary>
    /// <exception cref="GuardException">There is none of that name.</exception>
    public static IReadOnlyList<ImportLayout> Of(string format)
    {
        ImportLayout[] found = [.. All.Where(layout => string.Equals(layout.Format, format, StringComparison.OrdinalIgnoreCase))];
        return found.Length > 0 ? found : throw new GuardException($"There is no format \"{format}\"; known are {string.Join(", ", Formats)}.");
    }
}
