namespace GuardSharp.Conversations;

/// <summary>What a caller hands in to be judged: turns, oldest first. The last turn is judged, the others are context.</summary>
/// <param name="Turns">The turns, oldest first.</param>
public sealed record Conversation(IReadOnlyList<Turn> Turns)
{
    /// <summary>A conversation of one user message.</summary>
    public static Conversation OfUser(string text) => new([Turn.User(text)]);
}

/// <summary>Who speaks in a turn.</summary>
public enum Role
{
    /// <summary>The person who talks to the assistant.</summary>
    User,

    /// <summary>The model that answers.</summary>
    Assistant,

    /// <summary>The result of a tool the assistant called.</summary>
    Tool,

    /// <summary>The operator's instructions. Not judged; part of the prompt only when asked for.</summary>
    System,
}

/// <summary>One message.</summary>
/// <param name="Role">Who speaks.</param>
/// <param name="Parts">Text, images and tool calls in the order they appear.</param>
public sealed record Turn(Role Role, IReadOnlyList<ContentPart> Parts)
{
    /// <summary>A user turn of one text.</summary>
    public static Turn User(string text) => new(Role.User, [new TextPart(text)]);

    /// <summary>An assistant turn of one text.</summary>
    public static Turn Assistant(string text) => new(Role.Assistant, [new TextPart(text)]);
}

/// <summary>A piece of a turn.</summary>
public abstract record ContentPart;

/// <summary>Plain text. Nothing in it is ever read as markup of the model.</summary>
/// <param name="Text">The text.</param>
public sealed record TextPart(string Text) : ContentPart;

/// <summary>An encoded image (PNG, JPEG or WebP).</summary>
/// <param name="Data">The bytes of the file.</param>
public sealed record ImagePart(ReadOnlyMemory<byte> Data) : ContentPart;

/// <summary>A call of a tool by the assistant.</summary>
/// <param name="Name">The tool's name.</param>
/// <param name="Arguments">Its arguments as a JSON document.</param>
public sealed record ToolCallPart(string Name, string Arguments) : ContentPart;
