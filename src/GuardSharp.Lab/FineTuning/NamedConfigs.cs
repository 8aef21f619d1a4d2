using System.Text.Json;
using System.Text.Json.Nodes;

namespace GuardSharp.Lab.FineTuning;

/// <summary>The configurations that lie beside the program.</summary>
internal static class NamedConfigs
{
    private const string Extension = ".json";

    private static string Folder => Path.Combine(AppContext.BaseDirectory, "models", "training");

    /// <summary>Name and description of each.</summary>
    public static IEnumerable<(string Name, string Description)> All() => Directory.Exists(Folder)
        ? Directory.GetFiles(Folder, "*" + Extension).Order(StringComparer.Ordinal).Select(file => (Path.GetFileNameWithoutExtension(file), DescriptionOf(file)))
        : [];

    /// <summary>The file that a user names: a path, or the name of one of these.</summary>
    public static string PathOf(string named) =>
        !File.Exists(named) && !named.Contains('/', StringComparison.Ordinal) && File.Exists(Path.Combine(Folder, named + Extension)) ? Path.Combine(Folder, named + Extension) : Path.GetFullPath(named);

    private static string DescriptionOf(string file) =>
        JsonNode.Parse(File.ReadAllBytes(file), documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip })?["description"]?.GetValue<string>() ?? "";
}
