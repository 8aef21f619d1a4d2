namespace GuardSharp.Server.Security;

/// <summary>Who sends a request, as far as its key says.</summary>
/// <param name="Name">The key's name in configuration; "anonymous" where no keys are configured.</param>
/// <param name="Rights">What it may do.</param>
internal sealed record Caller(string Name, CallerRights Rights)
{
    /// <summary>Whoever asks while no keys are configured: everything but what a key must be trusted with by name, or what tells of others.</summary>
    public static Caller Anonymous { get; } = new("anonymous", CallerRights.Classify | CallerRights.Chat);

    /// <summary>Whether all of these are among its rights.</summary>
    public bool May(CallerRights rights) => (Rights & rights) == rights;
}

/// <summary>What a key may be allowed to do.</summary>
[Flags]
internal enum CallerRights
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>To have conversations judged, in any of the forms.</summary>
    Classify = 1,

    /// <summary>To talk to the upstream model through the guard.</summary>
    Chat = 2,

    /// <summary>To read decisions, label them and export both.</summary>
    Review = 4,

    /// <summary>To send prompts that already have the guard's template: whoever may could pass off any text as the whole prompt.</summary>
    ReadyPrompts = 8,

    /// <summary>To read metrics.</summary>
    Metrics = 16,
}
