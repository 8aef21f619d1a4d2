namespace GuardSharp.Lab.Attacks.Gcg;

/// <summary>What decides a Greedy Coordinate Gradient attack (arXiv:2307.15043).</summary>
internal sealed record GcgSettings
{
    /// <summary>Where the suffix stands.</summary>
    public SuffixPlace Place { get; init; }

    /// <summary>Most replacements of a token: a gradient and its candidates each.</summary>
    public int Steps { get; init; } = 250;

    /// <summary>Candidates of a step, each with one token replaced.</summary>
    public int SearchWidth { get; init; } = 512;

    /// <summary>Tokens of each place, by the gradient, that candidates are drawn from.</summary>
    public int TopK { get; init; } = 256;

    /// <summary>Tokens of the suffix.</summary>
    public int SuffixLength { get; init; } = 20;

    /// <summary>The suffix to begin with, which says its own length; null: one exclamation mark a token.</summary>
    public string? Init { get; init; }

    /// <summary>Decides what is drawn.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Whether only tokens of printable ASCII may be used: what anybody can type, and no filter of characters sees.</summary>
    public bool AsciiOnly { get; init; } = true;

    /// <summary>Whether all steps are made, although the guard says safe already.</summary>
    public bool AllSteps { get; init; }

    /// <summary>Rows that one suffix has to serve; null: each row has its own.</summary>
    public int? Universal { get; init; }

    /// <summary>Rows of one forward pass over candidates.</summary>
    public int BatchTokens { get; init; } = 2048;
}
