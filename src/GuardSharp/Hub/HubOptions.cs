using System.Diagnostics.CodeAnalysis;

namespace GuardSharp.Hub;

/// <summary>Where models are downloaded from, with what right, and where they are kept.</summary>
/// <remarks>A class and not a record: a record would print the token.</remarks>
public sealed class HubOptions
{
    /// <summary>The hub. HF_ENDPOINT names a mirror.</summary>
    public Uri Endpoint { get; init; } = new("https://huggingface.co/");

    /// <summary>The cache that all tools of the hub share, with a folder for each repository.</summary>
    public required string CacheFolder { get; init; }

    /// <summary>The access token; null: none. Sent to <see cref="Endpoint"/> alone.</summary>
    public string? Token { get; init; }

    /// <summary>True: nothing is fetched; what the cache holds must do.</summary>
    public bool Offline { get; init; }

    /// <summary>Files fetched at the same time, 1 to 64.</summary>
    public int Connections { get; init; } = 4;

    /// <summary>Waits before the second attempt; each further one waits about twice as long, at most 30 s.</summary>
    internal TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A server that sends nothing for so long is given up and asked again.</summary>
    internal TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Free bytes of the disk that holds a folder.</summary>
    internal Func<string, long> FreeBytes { get; init; } = Checkpoints.DiskSpace.FreeBytes;

    /// <summary>The options as the hub's own tools read them: HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_TOKEN_PATH and HF_HUB_OFFLINE.</summary>
    /// <exception cref="HubException">HF_ENDPOINT is no address.</exception>
    public static HubOptions FromEnvironment() => FromEnvironment(
        Environment.GetEnvironmentVariable, Environment.GetFolderPath(Environment.SpecialFolder.UserProfile));

    /// <summary>The same of a given environment.</summary>
    internal static HubOptions FromEnvironment(Func<string, string?> variable, string userFolder)
    {
        string? Named(params string[] names) => names.Select(variable).FirstOrDefault(value => !string.IsNullOrWhiteSpace(value))?.Trim();
        string? Folder(params string[] names) => Named(names) is { } path ? Expand(path, userFolder) : null;

        var home = Folder("HF_HOME") ?? Path.Combine(Folder("XDG_CACHE_HOME") ?? Path.Combine(userFolder, ".cache"), "huggingface");
        return new HubOptions
        {
            Endpoint = Named("HF_ENDPOINT") is { } endpoint ? ReadEndpoint(endpoint) : new Uri("https://huggingface.co/"),
            CacheFolder = Folder("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") ?? Path.Combine(home, "hub"),
            Token = Named("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") ?? ReadToken(Folder("HF_TOKEN_PATH") ?? Path.Combine(home, "token")),
            Offline = Named("HF_HUB_OFFLINE")?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE",
        };
    }

    /// <summary>The same options with what a command line adds.</summary>
    internal HubOptions With(string? cacheFolder, bool offline) => new()
    {
        Endpoint = Endpoint,
        CacheFolder = cacheFolder ?? CacheFolder,
        Token = Token,
        Offline = offline || Offline,
        Connections = Connections,
        RetryDelay = RetryDelay,
        Patience = Patience,
        FreeBytes = FreeBytes,
    };

    /// <summary>Checks what cannot be left to chance.</summary>
    /// <exception cref="HubException">The token is none or would cross a network in the clear, the cache has no name, or a number is out of range.</exception>
    internal void Check()
    {
        if (Token is not null && Endpoint.Scheme != Uri.UriSchemeHttps && !Endpoint.IsLoopback)
        {
            throw new HubException($"{Endpoint} is not https, so the access token would be readable on the way. Use an https endpoint, or unset HF_TOKEN.");
        }

        // Of any other letter a header cannot be made; the message must not show it.
        if (Token is not null && !Token.All(letter => letter is > ' ' and <= '~'))
        {
            throw new HubException("The access token holds a blank, a line break or a letter that no token has. Copy it anew to HF_TOKEN or the hub's token file, on one line.");
        }

        if (string.IsNullOrWhiteSpace(CacheFolder))
        {
            throw new HubException("The name of the cache folder is empty. Give --cache a folder, or leave it out.");
        }

        if (Connections is < 1 or > 64)
        {
            throw new HubException($"Connections is {Connections}; it must be from 1 to 64.");
        }
    }

    private static Uri ReadEndpoint(string text) => TryReadEndpoint(text, out var endpoint)
        ? endpoint
        : throw new HubException($"HF_ENDPOINT is \"{Checkpoints.Printable.Of(text)}\"; it must be an address such as https://huggingface.co.");

    // A relative address is put behind the last slash, so the path must end in one.
    private static bool TryReadEndpoint(string text, [NotNullWhen(true)] out Uri? endpoint) =>
        Uri.TryCreate(text.TrimEnd('/') + "/", UriKind.Absolute, out endpoint) && (endpoint.Scheme == Uri.UriSchemeHttps || endpoint.Scheme == Uri.UriSchemeHttp);

    private static string Expand(string path, string userFolder) => path == "~" ? userFolder
        : path.StartsWith("~/", StringComparison.Ordinal) ? Path.Combine(userFolder, path[2..])
        : path;

    private static string? ReadToken(string path)
    {
        try
        {
            return File.Exists(path) && File.ReadAllText(path).Trim() is { Length: > 0 } token ? token : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HubException($"{path}: the access token cannot be read: {error.Message}", error);
        }
    }
}
