using System.ComponentModel.DataAnnotations;

namespace GuardSharp.Server.Telemetry;

/// <summary>What the server tells of its work, <c>GuardSharp:Telemetry</c>. Numbers and names of configuration, never content.</summary>
internal sealed class TelemetryOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = ServerOptions.Section + ":Telemetry";

    /// <summary>Whether <c>/metrics</c> answers, in the format of Prometheus.</summary>
    public bool Prometheus { get; set; } = true;

    /// <summary>Where traces and metrics are sent by OTLP; null: nowhere.</summary>
    public Uri? OtlpEndpoint { get; set; }

    /// <summary>The share of requests that are traced where the caller's own trace does not decide, in [0, 1].</summary>
    [Range(0.0, 1.0)]
    public double TraceShare { get; set; } = 1;
}
