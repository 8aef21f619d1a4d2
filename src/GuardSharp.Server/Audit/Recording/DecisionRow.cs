using System.Text.Json.Serialization;

namespace GuardSharp.Server.Audit.Recording;

/// <summary>A decision as it is stored: also one line of a spill file.</summary>
internal sealed record DecisionRow
{
    /// <summary>The process's run that took the decision.</summary>
    public required string Run { get; init; }

    /// <summary>The decision's number in its run, from 1 without a hole: a hole in the store is a decision that was lost.</summary>
    public required long Number { get; init; }

    /// <inheritdoc cref="Decision.Id"/>
    public required string Id { get; init; }

    /// <inheritdoc cref="Decision.Time"/>
    public required DateTimeOffset Time { get; init; }

    /// <inheritdoc cref="Decision.Caller"/>
    public required string Key { get; init; }

    /// <inheritdoc cref="Decision.Endpoint"/>
    public required string Endpoint { get; init; }

    /// <summary>What was judged: <c>prompt</c> or <c>response</c>.</summary>
    public required string Task { get; init; }

    /// <summary>The verdict.</summary>
    public required bool Unsafe { get; init; }

    /// <summary>P(unsafe), in [0, 1].</summary>
    public required double UnsafeProbability { get; init; }

    /// <summary>The threshold that was applied.</summary>
    public required double Threshold { get; init; }

    /// <summary>Codes of the violated categories.</summary>
    public required IReadOnlyList<string> Categories { get; init; }

    /// <summary>Probability by code.</summary>
    public required IReadOnlyDictionary<string, double> Probabilities { get; init; }

    /// <summary>The version of the policy that was applied.</summary>
    public required string PolicyVersion { get; init; }

    /// <summary>The model's name with the hash of its weights.</summary>
    public required string Model { get; init; }

    /// <summary>Tokens of the whole prompt.</summary>
    public required int PromptTokens { get; init; }

    /// <summary>Tokens of the images alone.</summary>
    public required int ImageTokens { get; init; }

    /// <summary>From the request's arrival to the verdict, in milliseconds.</summary>
    public required double LatencyMs { get; init; }

    /// <summary>Keyed hash of the judged conversation, hexadecimal.</summary>
    public required string ContentHash { get; init; }

    /// <summary>The conversation as a JSON list of messages; null: content is not stored.</summary>
    public string? Content { get; init; }

    /// <summary>About how many bytes the row takes in memory.</summary>
    [JsonIgnore]
    public long Size => 1024 + (2L * (Content?.Length ?? 0));
}

/// <summary>The form of spilled rows.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(DecisionRow))]
[JsonSerializable(typeof(RunStart))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
[JsonSerializable(typeof(IReadOnlyDictionary<string, double>))]
internal sealed partial class RecordingJson : JsonSerializerContext;
