namespace GuardSharp.Lab.Attacks.Gcg;

/// <summary>A suffix with one token replaced.</summary>
/// <param name="Position">Which token.</param>
/// <param name="Ids">The whole suffix.</param>
/// <param name="Text">Its text.</param>
internal sealed record Candidate(int Position, int[] Ids, string Text);
