using GuardSharp.Checkpoints;

namespace GuardSharp.Hub;

/// <summary>A guard that lies in the cache.</summary>
/// <param name="Repository">Its repository.</param>
/// <param name="Folder">Its newest snapshot.</param>
/// <param name="Bytes">Size of the files there.</param>
internal sealed record CachedModel(string Repository, string Folder, long Bytes);

/// <summary>Looks through the cache for guards.</summary>
internal static class CachedModels
{
    /// <summary>The guards of a cache, by name.</summary>
    /// <remarks>A guard is what has "guard" in its name or a guardsharp.json: its architecture alone does not tell a guard from a chat model.</remarks>
    public static IReadOnlyList<CachedModel> List(string cacheFolder)
    {
        if (!Directory.Exists(cacheFolder))
        {
            return [];
        }

        var models = new List<CachedModel>();
        foreach (var path in Directory.EnumerateDirectories(cacheFolder, "models--*").Order(StringComparer.Ordinal))
        {
            if (RepositoryName.TryParseFolder(Path.GetFileName(path), out var name) && Newest(cacheFolder, name) is { } folder && IsGuard(name, folder))
            {
                models.Add(new CachedModel(name.Text, folder, HubCache.FilesOf(folder).Sum(HubCache.BytesOf)));
            }
        }

        return models;
    }

    private static bool IsGuard(RepositoryName name, string folder) =>
        name.Text.Contains("guard", StringComparison.OrdinalIgnoreCase) || File.Exists(Path.Combine(folder, GuardManifest.FileName));

    // The main branch, or where another revision was fetched, the snapshot that came last.
    private static string? Newest(string cacheFolder, RepositoryName name)
    {
        var cache = new HubCache(cacheFolder, name);
        var snapshots = Path.Combine(cacheFolder, name.FolderName, "snapshots");
        return cache.Find("main")
            ?? (Directory.Exists(snapshots) ? new DirectoryInfo(snapshots).EnumerateDirectories().MaxBy(folder => folder.LastWriteTimeUtc)?.FullName : null);
    }
}
