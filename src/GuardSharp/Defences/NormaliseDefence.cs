using GuardSharp.Conversations;

namespace GuardSharp.Defences;

/// <summary>Texts as a reader sees them: invisible characters gone, forms and look-alikes of Latin letters folded to these letters.</summary>
/// <remarks>What is folded and what stays: <see cref="TextFolding"/>. Ordinary text of any language is not changed, and so not judged twice.</remarks>
internal sealed class NormaliseDefence : IDefence
{
    public const string Key = "normalise";

    public string Name => Key;

    public IReadOnlyList<Conversation> Views(Conversation conversation) => TextDefence.View(conversation, TextFolding.Fold);
}
