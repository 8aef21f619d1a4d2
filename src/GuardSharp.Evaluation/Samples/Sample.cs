using GuardSharp.Conversations;

namespace GuardSharp.Evaluation.Samples;

/// <summary>What a sample asks a guard to judge.</summary>
public enum SampleTask
{
    /// <summary>The last message is the user's.</summary>
    Prompt,

    /// <summary>The last message is the assistant's.</summary>
    Response,
}

/// <summary>One row of a sample file: a conversation and, where somebody labelled it, the truth about its last message.</summary>
/// <remarks>Immutable.</remarks>
public sealed class Sample
{
    internal Sample(string place, Conversation conversation)
    {
        Place = place;
        Conversation = conversation;
        ImageCount = conversation.Turns.Sum(turn => turn.Parts.Count(part => part is ImagePart));
    }

    /// <summary>File and line, for messages.</summary>
    public string Place { get; }

    /// <summary>The row's own name.</summary>
    public required string Id { get; init; }

    /// <summary>What is judged: the prompt or the response.</summary>
    public required SampleTask Task { get; init; }

    /// <summary>The truth, or null where nobody labelled the row.</summary>
    public required bool? Unsafe { get; init; }

    /// <summary>The violated categories' codes. Empty for a safe row, and for an unsafe one whose categories nobody labelled.</summary>
    public required IReadOnlyList<string> Categories { get; init; }

    /// <summary>Language tag, such as <c>en</c>; <c>unknown</c> where the row has none.</summary>
    public required string Language { get; init; }

    /// <summary>The data set the row comes from; <c>unknown</c> where the row has none.</summary>
    public required string Source { get; init; }

    /// <summary>Number of images in the conversation.</summary>
    public int ImageCount { get; }

    /// <summary>What is judged, its images loaded but not decoded.</summary>
    public Conversation Conversation { get; }

    /// <summary>The same row about another conversation.</summary>
    internal Sample With(Conversation conversation) => new(Place, conversation)
    {
        Id = Id,
        Task = Task,
        Unsafe = Unsafe,
        Categories = Categories,
        Language = Language,
        Source = Source,
    };
}
