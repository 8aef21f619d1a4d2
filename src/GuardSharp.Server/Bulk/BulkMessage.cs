using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Server.Judging;
using GuardSharp.Server.Security;

namespace GuardSharp.Server.Bulk;

/// <summary>A message of the work queue: <c>{"id", "messages" or "input", "policy"?, "threshold"?, "model"?}</c>.</summary>
/// <param name="Id">What the result is called by: of messages with one id the first result counts.</param>
/// <param name="Request">The conversation and against what.</param>
internal sealed record BulkMessage(string Id, JudgeRequest Request)
{
    /// <summary>What records of decisions and metrics call the way in.</summary>
    public const string Endpoint = "worker";

    private const int MaxIdLength = 200;

    // Whoever may write to the queue may have conversations judged, and nothing more.
    private static readonly Caller _caller = new("worker", CallerRights.Classify);
    private static readonly string[] _contents = ["messages", "input"];
    private static readonly string[] _keys = ["id", .. _contents, "policy", "threshold", "model"];

    /// <summary>Reads a message.</summary>
    /// <param name="body">UTF-8 JSON.</param>
    /// <param name="options">Its limits.</param>
    /// <exception cref="ApiException">It is none; says why, without its content.</exception>
    /// <exception cref="GuardException">Its conversation is none.</exception>
    public static BulkMessage Read(ReadOnlyMemory<byte> body, WorkerOptions options)
    {
        if (body.Length > options.MaxBodyBytes)
            throw new ApiException(413, "invalid_request_error", $"The message has {body.Length} bytes; allowed are {options.MaxBodyBytes} (MaxBodyBytes).", "body_too_large");
        try
        {
            // Of a content given twice one would be judged and the other perhaps answered.
            using var document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = options.MaxJsonDepth, AllowDuplicateProperties = false });
            return Read(document.RootElement);
        }
        catch (JsonException)
        {
            // The parser's own message may repeat a key.
            throw ApiException.BadRequest($"The message is no JSON, has a key twice or more than {options.MaxJsonDepth} levels.", code: "invalid_json");
        }
        catch (InvalidOperationException)
        {
            throw ApiException.BadRequest("A string of the message is not valid Unicode.", code: "invalid_json");
        }
    }

    private static BulkMessage Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
            throw ApiException.BadRequest($"The message is {root.ValueKind}; it must be an object with id and messages or input.", code: "invalid_json");
        if (root.EnumerateObject().Any(property => !_keys.Contains(property.Name)))
            throw ApiException.BadRequest($"The message has a key that is not known; allowed are {string.Join(", ", _keys)}.", code: "unknown_parameter");
        var id = root.OptionalText("id");
        if (id is not { Length: > 0 and <= MaxIdLength } || id.Any(char.IsControl))
            throw ApiException.BadRequest($"\"id\" is missing, longer than {MaxIdLength} characters, or holds control characters.", "id");
        if (_contents.Where(name => root.Optional(name) is not null).ToList() is not [var what])
            throw ApiException.BadRequest("The message has neither messages nor input, or both.", "messages");
        var conversation = what == "messages" ? ClassifyEndpoint.ReadConversation(root.GetProperty(what)) : Conversation.OfUser(root.OptionalText(what)!);
        return new BulkMessage(id, ClassifyEndpoint.ReadTemplate(root, _caller) with { Conversation = conversation, Endpoint = Endpoint });
    }
}
