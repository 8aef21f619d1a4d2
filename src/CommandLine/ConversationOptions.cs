using System.CommandLine;
using System.Text;
using GuardSharp.Conversations;

namespace GuardSharp.CommandLine;

/// <summary>The arguments that make up a conversation: a text, images, a file.</summary>
internal sealed class ConversationOptions
{
    private readonly Argument<string?> _text = new("text") { Description = "The message to judge; - reads standard input.", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string?> _file = new("--conversation") { Description = "A conversation: {\"messages\":[{\"role\",\"content\"}]}. A text given beside it becomes its last message.", HelpName = "FILE.json" };
    private readonly Option<string[]> _images = new("--image") { Description = "An image of the message (PNG, JPEG, WebP). Repeatable.", HelpName = "FILE", Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = false };
    private readonly Option<string?> _role = new("--role") { Description = "Who wrote the text: user (default) or assistant.", HelpName = "ROLE" };
    private readonly Option<string?> _question = new("--question") { Description = "The user message that a text of the assistant answers.", HelpName = "TEXT" };

    /// <summary>Adds the arguments to a command.</summary>
    public ConversationOptions AddTo(Command command)
    {
        command.Add(_text);
        command.Add(_file);
        command.Add(_images);
        command.Add(_role);
        command.Add(_question);
        return this;
    }

    /// <summary>True when anything about a single message was said, be it only its role.</summary>
    public bool IsMentioned(ParseResult parsed) =>
        IsGiven(parsed) || parsed.GetValue(_role) is not null || parsed.GetValue(_question) is not null;

    /// <summary>True when there is something to judge.</summary>
    public bool IsGiven(ParseResult parsed) =>
        parsed.GetValue(_text) is not null || parsed.GetValue(_file) is not null || parsed.GetValue(_images) is { Length: > 0 };

    /// <summary>The conversation the arguments describe.</summary>
    /// <exception cref="GuardException">They describe none, or contradict each other.</exception>
    public async Task<Conversation> ReadAsync(ParseResult parsed, Terminal terminal, CancellationToken cancellationToken)
    {
        if (!IsGiven(parsed))
        {
            throw new GuardException("There is nothing to judge. Give a text, - for standard input, --image FILE or --conversation FILE.json.");
        }

        var turns = new List<Turn>();
        if (parsed.GetValue(_file) is { } path)
        {
            turns.AddRange(ConversationJson.ReadFile(path).Turns);
        }

        if (parsed.GetValue(_question) is { } question)
        {
            turns.Add(Turn.User(question));
        }

        if (await ReadMessageAsync(parsed, terminal, cancellationToken).ConfigureAwait(false) is { } message)
        {
            turns.Add(message);
        }

        return new Conversation(turns);
    }

    private async Task<Turn?> ReadMessageAsync(ParseResult parsed, Terminal terminal, CancellationToken cancellationToken)
    {
        var parts = new List<ContentPart>();
        foreach (var image in parsed.GetValue(_images) ?? [])
        {
            parts.Add(new ImagePart(ImageFile.Read(image)));
        }

        if (parsed.GetValue(_text) is { } text)
        {
            parts.Add(new TextPart(text == "-" ? await ReadInputAsync(terminal, cancellationToken).ConfigureAwait(false) : text));
        }

        var role = ReadRole(parsed.GetValue(_role));
        return parts.Count > 0 ? new Turn(role ?? Role.User, parts)
            : role is null ? null
            : throw new GuardException("--role says who wrote the text, but no text is given. In a conversation file every message has its own role.");
    }

    /// <summary>All of standard input.</summary>
    public static async Task<string> ReadInputAsync(Terminal terminal, CancellationToken cancellationToken)
    {
        try
        {
            // Reading from a terminal cannot be interrupted; Ctrl-C gives the wait up and the process ends.
            return await Task.Run(terminal.In.Value.ReadToEnd, cancellationToken).WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (DecoderFallbackException error)
        {
            throw new GuardException("Standard input is not UTF-8 text. Convert it first.", error);
        }
    }

    private static Role? ReadRole(string? name) => name switch
    {
        null => null,
        "user" => Role.User,
        "assistant" => Role.Assistant,
        _ => throw new GuardException($"--role is \"{name}\"; it must be user or assistant."),
    };
}
