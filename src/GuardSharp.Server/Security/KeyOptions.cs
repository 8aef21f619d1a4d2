namespace GuardSharp.Server.Security;

/// <summary>A key in configuration, <c>GuardSharp:Keys:{name}</c>.</summary>
internal sealed record KeyOptions
{
    /// <summary>SHA-256 of the key in hexadecimal. <c>guardsharp serve key NAME</c> makes both.</summary>
    public string? Sha256 { get; init; }

    /// <summary>What it may do, separated by commas: Classify, Chat, Review, ReadyPrompts, Metrics.</summary>
    public string Rights { get; init; } = nameof(CallerRights.Classify);

    /// <summary>Adds the right ReadyPrompts.</summary>
    public bool AllowReadyPrompts { get; init; }

    /// <summary>Requests a minute; 0: no limit.</summary>
    public int RequestsPerMinute { get; init; }

    /// <summary>Requests that may come at once; 0: a sixth of <see cref="RequestsPerMinute"/>, at least 1.</summary>
    public int Burst { get; init; }
}
