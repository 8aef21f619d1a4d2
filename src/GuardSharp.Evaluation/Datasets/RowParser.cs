using System.Security.Cryptography;
using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Imaging;
using GuardSharp.Prompts;

namespace GuardSharp.Evaluation.Datasets;

/// <summary>Reads the fields of one row and reports everything that is wrong with it.</summary>
/// <param name="row">The row, an object.</param>
/// <param name="rules">What it must be.</param>
/// <param name="report">Is told kind and message of each problem.</param>
internal sealed class RowParser(JsonElement row, RowRules rules, Action<string, string> report)
{
    private const int LongestCode = 12;

    private static readonly PromptOptions _prompt = new() { IncludeSystem = true };

    /// <summary>The row; null where too little of it can be read to speak of one. With a problem reported it must not be used.</summary>
    public DataRow? Parse(string path, string folder, long line, string json)
    {
        var id = Text("id", required: true);
        var pictures = new List<string>();
        var conversation = Messages(folder, pictures);
        var isUnsafe = Verdict();
        var categories = Categories(isUnsafe);
        var task = Task(conversation);
        var (language, source) = (Text("language", required: true), Text("source", required: true));
        var (licence, writer, isWeak) = (Text("licence", required: false), Text("written_by", required: false), Flag("weak_label"));
        return conversation is null || id is null ? null : new DataRow
        {
            File = path,
            Line = line,
            Json = json,
            Id = id,
            Task = task,
            Unsafe = isUnsafe,
            Categories = categories,
            Language = language ?? "unknown",
            Source = source ?? "unknown",
            Licence = licence,
            WeakLabel = isWeak,
            WrittenBy = writer,
            Turns = [.. conversation.Turns.Select(TextOf)],
            Pictures = pictures,
        };
    }

    private static string TextOf(Turn turn) => string.Join('\n', turn.Parts.Select(part => part switch
    {
        TextPart text => text.Text,
        ToolCallPart call => $"{call.Name} {call.Arguments}",
        _ => null,
    }).OfType<string>());

    private Conversation? Messages(string folder, List<string> pictures)
    {
        if (!row.TryGetProperty("messages", out var messages))
        {
            report(ProblemKind.MissingField, "the row has no \"messages\". Expected [{\"role\",\"content\"}].");
            return null;
        }

        try
        {
            var paths = new Queue<string>();
            var conversation = ConversationJson.FromMessages(messages, folder, paths.Enqueue, "messages");
            // Bytes that are in the row itself have no name but what they are.
            pictures.AddRange(conversation.Turns.SelectMany(turn => turn.Parts).OfType<ImagePart>()
                .Select(image => image.Data.Length == 0 ? Named(paths.Dequeue(), folder) : Embedded(image.Data)));
            if (conversation.Turns.FirstOrDefault(IsBlank) is { } blank)
            {
                report(ProblemKind.EmptyText, $"message {conversation.Turns.ToList().IndexOf(blank) + 1} ({blank.Role}) holds no text but blanks and no picture. Leave the row out or give its text.");
            }
            else
            {
                TurnReader.Read(conversation, _prompt);
            }

            return conversation;
        }
        catch (GuardException error)
        {
            report(error is ImageException ? ProblemKind.BadPicture : ProblemKind.BadMessages, error.Message);
            return null;
        }
    }

    private static bool IsBlank(Turn turn) => turn.Parts.All(part => part is TextPart text && string.IsNullOrWhiteSpace(text.Text));

    private string Named(string path, string folder)
    {
        var file = new FileInfo(Path.Combine(folder, path));
        if (!rules.Pictures)
        {
            return path;
        }

        if (!file.Exists)
        {
            report(ProblemKind.MissingPicture, $"there is no picture {path} beside the file.");
        }
        else if (file.Length > ConversationJson.MaxImageBytes)
        {
            report(ProblemKind.BadPicture, $"the picture {path} has {file.Length} bytes; at most {ConversationJson.MaxImageBytes} are allowed.");
        }
        else if (!IsPicture(file.FullName))
        {
            report(ProblemKind.BadPicture, $"the picture {path} is neither PNG, JPEG nor WebP.");
        }

        return path;
    }

    private static bool IsPicture(string file)
    {
        try
        {
            using var stream = File.OpenRead(file);
            var start = new byte[16];
            return ImageFormat.Detect(start.AsSpan(0, stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false))) is not null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private string Embedded(ReadOnlyMemory<byte> data)
    {
        if (ImageFormat.Detect(data.Span) is null)
        {
            report(ProblemKind.BadPicture, "a picture inside the row is neither PNG, JPEG nor WebP.");
        }

        return "data:" + Convert.ToHexStringLower(SHA256.HashData(data.Span)[..16]);
    }

    private bool? Verdict()
    {
        if (!row.TryGetProperty("unsafe", out var value) || value.ValueKind == JsonValueKind.Null)
        {
            if (rules.Labelled)
            {
                report(ProblemKind.MissingField, "the row has no \"unsafe\". Expected true or false; --unlabelled allows rows without it.");
            }

            return null;
        }

        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : Wrong<bool?>("unsafe", value, "true or false");
    }

    private string[] Categories(bool? isUnsafe)
    {
        if (!row.TryGetProperty("categories", out var list) || list.ValueKind == JsonValueKind.Null)
        {
            return [];
        }

        if (list.ValueKind != JsonValueKind.Array || list.EnumerateArray().Any(code => code.ValueKind != JsonValueKind.String))
        {
            return Wrong<string[]>("categories", list, "a list of codes such as [\"S4\"]") ?? [];
        }

        string[] codes = [.. list.EnumerateArray().Select(Whole).Distinct()];
        foreach (var code in codes.Where(code => !rules.Codes.Contains(code)))
        {
            report(ProblemKind.UnknownCategory, $"the category {Shown(code)} is not one of {string.Join(", ", rules.Codes)}.");
        }

        if (isUnsafe == false && codes.Length > 0)
        {
            report(ProblemKind.SafeWithCategories, $"the row is safe but names {string.Join(", ", codes.Select(Shown))}. One of the two is wrong.");
        }

        return codes;
    }

    private static string Shown(string code) =>
        code.Length is > 0 and <= LongestCode && code.All(char.IsAsciiLetterOrDigit) ? code : $"of {code.Length} characters";

    private SampleTask Task(Conversation? conversation)
    {
        var last = conversation?.Turns[^1].Role == Role.Assistant ? SampleTask.Response : SampleTask.Prompt;
        var named = Text("task", required: false);
        if (named is not (null or "prompt" or "response"))
        {
            report(ProblemKind.WrongType, "\"task\" must be prompt or response.");
        }
        else if (conversation is not null && named is not null && (named == "response") != (last == SampleTask.Response))
        {
            report(ProblemKind.BadMessages, $"\"task\" is {named}, but the last message is {(last == SampleTask.Response ? "the assistant's" : "the user's")}.");
        }

        return last;
    }

    private string? Text(string name, bool required)
    {
        if (!row.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            if (required)
            {
                report(ProblemKind.MissingField, $"the row has no \"{name}\".");
            }

            return null;
        }

        if (value.ValueKind != JsonValueKind.String)
        {
            return Wrong<string>(name, value, "a string");
        }

        var text = Whole(value);
        if (required && text.Length == 0)
        {
            report(ProblemKind.MissingField, $"\"{name}\" is empty.");
        }

        return text;
    }

    private bool Flag(string name) => row.TryGetProperty(name, out var value) && value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False or JsonValueKind.Null => false,
        _ => Wrong<bool>(name, value, "true or false"),
    };

    // JSON may spell half of a surrogate pair, which is no character.
    private string Whole(JsonElement value)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            report(ProblemKind.WrongType, "a field holds half of a surrogate pair, which is no character.");
            return "?";
        }
    }

    private T? Wrong<T>(string name, JsonElement value, string allowed)
    {
        report(ProblemKind.WrongType, $"\"{name}\" is {JsonField.KindOf(value)}, but must be {allowed}.");
        return default;
    }
}
