using System.ComponentModel.DataAnnotations;

namespace GuardSharp.Server.Images;

/// <summary>Whether and from where images are fetched that a request names by URL. Section <c>GuardSharp:Images</c>.</summary>
internal sealed class ImageOptions
{
    /// <summary>The section of configuration.</summary>
    public const string Section = "GuardSharp:Images";

    /// <summary>Hosts that images may be fetched from: <c>images.example.com</c>, <c>*.example.com</c> (its subdomains, not itself), either with a port behind a colon. Empty, the default: nothing is fetched.</summary>
    public IList<string> AllowedHosts { get; set; } = [];

    /// <summary>Whether http is allowed beside https. Default: no.</summary>
    public bool AllowHttp { get; set; }

    /// <summary>The largest image that is fetched, in bytes. Default 20 MiB, which is also what the guard accepts.</summary>
    [Range(1, 1 << 28)]
    public int MaxImageBytes { get; set; } = 20 << 20;

    /// <summary>Seconds for one image, redirects, name resolution and waiting for its turn included. Default 10.</summary>
    [Range(1, 300)]
    public int TimeoutSeconds { get; set; } = 10;

    /// <summary>Remote images of one request. Default 10.</summary>
    [Range(1, 1000)]
    public int MaxRemoteImages { get; set; } = 10;

    /// <summary>Images fetched at the same time, for all requests together. Default 8.</summary>
    [Range(1, 1000)]
    public int MaxFetchesAtOnce { get; set; } = 8;
}
