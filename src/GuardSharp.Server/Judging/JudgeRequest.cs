using GuardSharp.Conversations;
using GuardSharp.Policies;
using GuardSharp.Server.Security;

namespace GuardSharp.Server.Judging;

/// <summary>One conversation to be judged, as an endpoint hands it on.</summary>
internal sealed record JudgeRequest
{
    /// <summary>The conversation; its last turn is judged.</summary>
    public required Conversation Conversation { get; init; }

    /// <summary>Who asks.</summary>
    public required Caller Caller { get; init; }

    /// <summary>The endpoint's path: part of the decision's record and of metrics.</summary>
    public required string Endpoint { get; init; }

    /// <summary>The model as the client names it; null: the default one.</summary>
    public string? Model { get; init; }

    /// <summary>A policy by its name in configuration; null: the model's default. Not together with <see cref="Policy"/>.</summary>
    public string? PolicyName { get; init; }

    /// <summary>A policy that came with the request.</summary>
    public Policy? Policy { get; init; }

    /// <summary>P(unsafe) from which on the verdict is unsafe; null: as configured for the model.</summary>
    public double? Threshold { get; init; }

    /// <summary>Thresholds of single categories, by code; null: those of the policy, or of the model.</summary>
    public IReadOnlyDictionary<string, double>? CategoryThresholds { get; init; }
}

/// <summary>What became of a <see cref="JudgeRequest"/>.</summary>
/// <param name="Id">The decision's id, unique and in order of time.</param>
/// <param name="Verdict">The verdict.</param>
/// <param name="Model">The name in configuration of the model that judged.</param>
internal sealed record Judgement(string Id, Verdict Verdict, string Model);
