using GuardSharp.Conversations;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Attacks.BlackBox;

/// <summary>What a run does with a row.</summary>
/// <param name="Setting">As the table names it.</param>
/// <param name="Apply">A row and a seed of its own to the attacked conversation; null where there is nothing to attack.</param>
internal sealed record RowAttack(string Setting, Func<Sample, int, Conversation?> Apply)
{
    /// <summary>An attack that needs no more than the conversation.</summary>
    public static RowAttack Of(IBlackBoxAttack attack) => new(attack.Name, (sample, seed) => attack.Apply(sample.Conversation, seed));
}
