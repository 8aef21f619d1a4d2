using GuardSharp.Conversations;
using GuardSharp.Evaluation.Datasets;

namespace GuardSharp.Lab.Training.Rows;

/// <summary>One labelled conversation to learn from. The last turn is judged.</summary>
/// <param name="Id">The row's name in its file.</param>
/// <param name="Source">The data set it comes from.</param>
/// <param name="Language">Language tag, such as <c>pt</c>.</param>
/// <param name="Conversation">Turns, oldest first.</param>
/// <param name="Unsafe">The verdict to learn.</param>
/// <param name="Categories">Violated codes in ascending order; empty for a safe row and for an unsafe one that nobody labelled further.</param>
/// <param name="WrittenBy">The model that wrote the text, where one did.</param>
internal sealed record TrainingRow(
    string Id, string Source, string Language, Conversation Conversation, bool Unsafe, IReadOnlyList<string> Categories, string? WrittenBy) : IMixtureRow
{
    /// <summary>The text that is judged.</summary>
    public string LastText => TextOf(Conversation.Turns[^1]);

    /// <summary>True when the last turn is the assistant's.</summary>
    public bool IsResponse => Conversation.Turns[^1].Role == Role.Assistant;

    /// <summary>Names the meaning that translations of one text share, or null where the source has no translations.</summary>
    /// <remarks>Ids of the parallel sources end in <c>language:key</c>.</remarks>
    public string? ParallelKey => Source is "xquad" or "multijail" or "xsafety" or PhraseSource or SentenceSource && Id.IndexOf(':', StringComparison.Ordinal) is var at and > 0
        ? $"{Source}:{Id[(at + 1)..]}"
        : null;

    /// <summary>The source name of texts this project wrote itself.</summary>
    public const string PhraseSource = "phrases";

    /// <summary>The source name of whole sentences among them: fewer, and seen more often.</summary>
    public const string SentenceSource = "sentences";

    /// <summary>The source name of the rows in models/training that this project wrote itself: safe and unsafe look-alikes, half of them for development alone.</summary>
    public const string WrittenSource = "written";

    /// <summary>True for sources put together from our own tables; their rows are many and alike.</summary>
    public static bool IsOwn(string source) => source is PhraseSource or SentenceSource or "remarks" or "replies";

    /// <summary>The text of a turn, its parts joined by a blank.</summary>
    public static string TextOf(Turn turn) => string.Join(' ', turn.Parts.OfType<TextPart>().Select(part => part.Text));
}
