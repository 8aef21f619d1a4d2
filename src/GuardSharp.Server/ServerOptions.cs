using System.ComponentModel.DataAnnotations;

namespace GuardSharp.Server;

/// <summary>The section "GuardSharp" of configuration: limits of the server. Models, policies and keys stand beside them, each in a section of its own.</summary>
internal sealed class ServerOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "GuardSharp";

    /// <summary>Where the server listens when nothing is said: this machine alone.</summary>
    public const string DefaultUrls = "http://127.0.0.1:8080";

    /// <summary>Where to listen, several separated by semicolons.</summary>
    [Required]
    public string Urls { get; set; } = DefaultUrls;

    /// <summary>Bytes of a request's body. More is 413.</summary>
    [Range(1024, 1L << 30)]
    public long MaxBodyBytes { get; set; } = 32L << 20;

    /// <summary>Bytes of all bodies that are held at a time. More is 429: this bounds the memory that requests can take together.</summary>
    [Range(1024, 1L << 40)]
    public long MaxBodyBytesTogether { get; set; } = 256L << 20;

    /// <summary>Levels of lists and objects in a body.</summary>
    [Range(8, 1024)]
    public int MaxJsonDepth { get; set; } = 32;

    /// <summary>Messages of a conversation.</summary>
    [Range(1, 1_000_000)]
    public int MaxMessages { get; set; } = 1000;

    /// <summary>Parts of all messages of a conversation together.</summary>
    [Range(1, 1_000_000)]
    public int MaxParts { get; set; } = 2000;

    /// <summary>Conversations of a batch.</summary>
    [Range(1, 1_000_000)]
    public int MaxBatchInputs { get; set; } = 256;

    /// <summary>Seconds from a request's arrival to its answer. Longer is 504. A request may ask for less, never for more.</summary>
    [Range(0.001, 86_400)]
    public double RequestTimeoutSeconds { get; set; } = 60;

    /// <summary>Seconds for a request's headers.</summary>
    [Range(1, 3600)]
    public int HeaderTimeoutSeconds { get; set; } = 15;

    /// <summary>Seconds before a body's speed counts.</summary>
    [Range(1.1, 3600)]
    public double BodyGraceSeconds { get; set; } = 5;

    /// <summary>Bytes a second at which a body must come in. Slower is 408.</summary>
    [Range(1, 1L << 30)]
    public double MinBodyBytesPerSecond { get; set; } = 1024;

    /// <summary>Connections at a time; others are closed at once.</summary>
    [Range(1, 1_000_000)]
    public long MaxConnections { get; set; } = 4096;

    /// <summary>Seconds for requests under way when the server is told to stop.</summary>
    [Range(0, 3600)]
    public int DrainSeconds { get; set; } = 30;

    /// <summary>Seconds for which the server still takes requests while it already says that it is not ready, so that a balancer can look elsewhere.</summary>
    [Range(0, 600)]
    public int DrainDelaySeconds { get; set; }

    /// <summary>Whether unknown model names mean the default model.</summary>
    public bool AcceptAnyModel { get; set; }

    /// <summary>Whether log lines at Debug hold what was judged. Off: content is in no log, trace or metric.</summary>
    public bool LogContent { get; set; }

    /// <summary>Whether a server without keys may be reached from other machines.</summary>
    public bool AllowAnonymous { get; set; }

    /// <summary>Hosts that a request may name, separated by semicolons; a star allows all. Null: only this machine's names while there are no keys, otherwise all.</summary>
    public string? AllowedHosts { get; set; }
}
