using GuardSharp.Conversations;

namespace GuardSharp.Defences;

/// <summary>A way to look at a conversation once more, so that what was made to fool the guard's first look does not fool the second.</summary>
/// <remarks>Pure: the same conversation gives the same views. Safe from any thread.</remarks>
public interface IDefence
{
    /// <summary>The defence with its argument, as <see cref="KnownDefences.Parse"/> takes it, such as <c>jpeg:75</c>.</summary>
    string Name { get; }

    /// <summary>The other views of a conversation. The conversation as it is does not belong to them: it is always judged.</summary>
    /// <param name="conversation">What is judged.</param>
    /// <returns>Empty where there is nothing to see in another way.</returns>
    /// <exception cref="ImageException">An image is damaged or beyond the limits.</exception>
    IReadOnlyList<Conversation> Views(Conversation conversation);
}
