using GuardSharp.Conversations;

namespace GuardSharp.Evaluation.Attacks.BlackBox;

/// <summary>The conversation behind six harmless questions and answers.</summary>
internal sealed class ManyTurnAttack : IBlackBoxAttack
{
    public string Name => "many-turn";

    public string Description => "the conversation behind six harmless questions and answers";

    public Conversation? Apply(Conversation conversation, int seed) =>
        TextAttack.TextOf(conversation) is null ? null : new Conversation([.. HarmlessText.SmallTalk(new Random(seed)), .. conversation.Turns]);
}
