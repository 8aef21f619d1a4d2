namespace GuardSharp.Server.Telemetry;

/// <summary>Names of what is measured and traced: one place, because dashboards and alerts repeat them.</summary>
internal static class TelemetryNames
{
    /// <summary>The one source of spans.</summary>
    public const string Source = "GuardSharp";

    /// <summary>The server's meter; the engine's is "GuardSharp".</summary>
    public const string Meter = "GuardSharp.Server";

    /// <summary>All meters of ours.</summary>
    public const string Meters = "GuardSharp*";

    /// <summary>The span of one verdict.</summary>
    public const string VerdictSpan = "guard verdict";

    /// <summary>What was judged: prompt or response.</summary>
    public const string Task = "task";

    /// <summary>The model's real name, with 12 digits of its weights' SHA-256.</summary>
    public const string Model = "model";

    /// <summary>safe or unsafe.</summary>
    public const string Verdict = "verdict";

    /// <summary>A violated category: S1 to S14, or custom.</summary>
    public const string Category = "category";

    /// <summary>The path of the endpoint.</summary>
    public const string Endpoint = "endpoint";

    /// <summary>The error's code, as clients see it.</summary>
    public const string Error = "error";

    /// <summary>The policy's version.</summary>
    public const string Policy = "guardsharp.policy";

    /// <summary>Tokens of the prompt.</summary>
    public const string Tokens = "guardsharp.tokens";

    /// <summary>Seconds in the queue.</summary>
    public const string Queued = "guardsharp.queued";
}
