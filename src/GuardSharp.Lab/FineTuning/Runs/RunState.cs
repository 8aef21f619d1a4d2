namespace GuardSharp.Lab.FineTuning.Runs;

/// <summary>Where a run stands, beside its weights and moments.</summary>
internal sealed record RunState
{
    /// <summary>Optimiser steps done.</summary>
    public long Step { get; init; }

    /// <summary>Rows taken from each source: the position in the data, and all there is to know about what was drawn.</summary>
    public IReadOnlyList<long> Position { get; init; } = [];

    /// <summary>Rows learned from.</summary>
    public long Rows { get; init; }

    /// <summary>Tokens read, prompts included.</summary>
    public long Tokens { get; init; }

    /// <summary>The best value of the development measure; null: nothing was judged yet.</summary>
    public double? Best { get; init; }

    /// <summary>Evaluations since then.</summary>
    public int Waited { get; init; }

    /// <summary>What must not change between two parts of a run (<see cref="RunIdentity"/>).</summary>
    public string Identity { get; init; } = "";
}
