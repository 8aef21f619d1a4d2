using GuardSharp.Conversations;

namespace GuardSharp.Defences;

/// <summary>A response is judged together with the prompt it answers: the conversation up to the last message of the user is looked at as well.</summary>
/// <remarks>What arXiv:2411.10414 advises. The price: a harmless refusal of a harmful prompt is flagged for its prompt.</remarks>
internal sealed class BothDefence : IDefence
{
    public const string Key = "both";

    public string Name => Key;

    public IReadOnlyList<Conversation> Views(Conversation conversation)
    {
        if (conversation.Turns.Count == 0 || conversation.Turns[^1].Role != Role.Assistant)
        {
            return [];
        }

        for (var i = conversation.Turns.Count - 1; i >= 0; i--)
        {
            if (conversation.Turns[i].Role == Role.User)
            {
                return [new Conversation([.. conversation.Turns.Take(i + 1)])];
            }
        }

        return [];
    }
}
