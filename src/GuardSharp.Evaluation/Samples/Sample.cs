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
/// <remarks>Immutable. Images stay on the disk until <see cref="LoadConversation"/>.</remarks>
public sealed class Sample
{
    private readonly IReadOnlyList<Turn> _turns;

    internal Sample(string place, IReadOnlyList<Turn> turns)
    {
        Place = place;
        _turns = turns;
        ImageCount = turns.Sum(turn => turn.Parts.Count(part => part is ImageFilePart));
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

    /// <summary>The conversation with the bytes of its images read from the disk.</summary>
    /// <exception cref="SampleFileException">An image cannot be read.</exception>
    public Conversation LoadConversation() => ImageCount == 0 ? new Conversation(_turns) : MessageParser.LoadImages(new Conversation(_turns), Place);
}

/// <summary>The place of an image that is not loaded yet.</summary>
/// <param name="Path">Full path of the encoded image.</param>
internal sealed record ImageFilePart(string Path) : ContentPart;
