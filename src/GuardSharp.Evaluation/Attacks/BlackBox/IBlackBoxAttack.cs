using GuardSharp.Conversations;

namespace GuardSharp.Evaluation.Attacks.BlackBox;

/// <summary>A way to write the same harmful message so that a guard may not see it, without knowing the guard.</summary>
internal interface IBlackBoxAttack
{
    /// <summary>The attack as the command line names it; also its setting in the table.</summary>
    string Name { get; }

    /// <summary>What it does, for the help of the command line.</summary>
    string Description { get; }

    /// <summary>The attacked conversation. Pure: the same conversation and seed give the same.</summary>
    /// <param name="conversation">What is attacked; its last message is what the guard would judge.</param>
    /// <param name="seed">Where the attack needs chance.</param>
    /// <returns>Null where there is nothing that the attack could change.</returns>
    Conversation? Apply(Conversation conversation, int seed);
}
