using System.Text.Json;
using GuardSharp.Server.Judging;
using Microsoft.Extensions.AI;

namespace GuardSharp.Server.Chat;

/// <summary>A chat completion that was asked for.</summary>
/// <param name="Messages">The messages.</param>
/// <param name="Options">What goes to the model beside them.</param>
/// <param name="Stream">Whether the answer is streamed.</param>
/// <param name="IncludeUsage">Whether a stream ends with the number of tokens.</param>
internal sealed record ChatRequest(IReadOnlyList<ChatMessage> Messages, ChatOptions Options, bool Stream, bool IncludeUsage)
{
    // A parameter that nobody here knows could make the model say what is never judged: log probabilities, audio, several choices.
    private static readonly HashSet<string> _known =
    [
        "model", "messages", "stream", "stream_options", "temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed", "frequency_penalty",
        "presence_penalty", "tools", "tool_choice", "parallel_tool_calls", "response_format", "n", "user",
    ];

    // Far beyond any setting that means something, far below what a float holds.
    private const int MaxSetting = 1000;

    /// <summary>Reads a body.</summary>
    /// <param name="root">The body.</param>
    /// <param name="model">The model of configuration; null: the request names it.</param>
    /// <param name="limits">The server's limits.</param>
    /// <exception cref="ApiException">400 or 404.</exception>
    public static ChatRequest Read(JsonElement root, string? model, ServerOptions limits)
    {
        if (root.EnumerateObject().FirstOrDefault(property => property.Value.ValueKind != JsonValueKind.Null && !_known.Contains(property.Name)) is { Value.ValueKind: not JsonValueKind.Undefined })
            throw ApiException.BadRequest($"There is a parameter that guarded chat does not know; allowed are {string.Join(", ", _known)}.", code: "unknown_parameter");
        if (root.OptionalNumber("n") is { } choices && choices != 1)
            throw ApiException.BadRequest("\"n\" must be 1.", "n");
        var asked = root.OptionalText("model");
        if (model is not null && asked is not null && asked != model && !limits.AcceptAnyModel)
            throw new ApiException(404, "invalid_request_error", $"Guarded chat talks to the model \"{model}\" and no other. Name that one, or none.", "model_not_found", "model");
        var options = new ChatOptions
        {
            ModelId = model ?? asked ?? throw ApiException.BadRequest("\"model\" is missing: this server passes the request's own on.", "model"),
            Temperature = Real(root, "temperature"),
            TopP = Real(root, "top_p"),
            MaxOutputTokens = Whole(root, "max_completion_tokens") ?? Whole(root, "max_tokens"),
            Seed = Whole(root, "seed"),
            FrequencyPenalty = Real(root, "frequency_penalty"),
            PresencePenalty = Real(root, "presence_penalty"),
            StopSequences = ReadStop(root.Optional("stop")),
            Tools = ReadTools(root.Optional("tools")),
            ToolMode = ReadToolChoice(root.Optional("tool_choice")),
            AllowMultipleToolCalls = root.Optional("parallel_tool_calls") is null ? null : root.OptionalFlag("parallel_tool_calls"),
            ResponseFormat = ReadFormat(root.Optional("response_format")),
        };
        var usage = root.Optional("stream_options") is { ValueKind: JsonValueKind.Object } stream && stream.OptionalFlag("include_usage");
        return new ChatRequest(ChatMessageReader.Read(root, limits.MaxMessages), options, root.OptionalFlag("stream"), usage);
    }

    private static int? Whole(JsonElement root, string name) => root.OptionalNumber(name) switch
    {
        null => null,
        >= int.MinValue and <= int.MaxValue and var number when number == Math.Floor(number) => (int)number,
        _ => throw ApiException.BadRequest($"\"{name}\" must be a whole number.", name),
    };

    private static float? Real(JsonElement root, string name) => root.OptionalNumber(name) switch
    {
        null => null,
        >= -MaxSetting and <= MaxSetting and var number => (float)number,
        _ => throw ApiException.BadRequest($"\"{name}\" must be a number from -{MaxSetting} to {MaxSetting}.", name),
    };

    private static List<string>? ReadStop(JsonElement? stop) => stop switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } text => [text.GetString()!],
        { ValueKind: JsonValueKind.Array } list when list.EnumerateArray().All(entry => entry.ValueKind == JsonValueKind.String) => [.. list.EnumerateArray().Select(entry => entry.GetString()!)],
        _ => throw ApiException.BadRequest("\"stop\" must be a string or a list of strings.", "stop"),
    };

    private static List<AITool>? ReadTools(JsonElement? tools)
    {
        if (tools is null)
            return null;
        if (tools.Value.ValueKind != JsonValueKind.Array)
            throw JsonElementExtensions.Wrong("tools", tools.Value.ValueKind, "a list of functions");
        return
        [
            .. tools.Value.EnumerateArray().Select(tool =>
            {
                var function = tool.ValueKind == JsonValueKind.Object && tool.OptionalText("type") == "function" ? tool.Optional("function") : null;
                if (function is not { ValueKind: JsonValueKind.Object } value || value.OptionalText("name") is not { Length: > 0 } name)
                    throw ApiException.BadRequest("A tool is no function with a name; no other tools are passed on.", "tools");
                var parameters = value.Optional("parameters") is { ValueKind: JsonValueKind.Object } schema ? schema.Clone() : JsonElement.Parse("""{"type":"object","properties":{}}""");
                return (AITool)AIFunctionFactory.CreateDeclaration(name, value.OptionalText("description"), parameters);
            }),
        ];
    }

    private static ChatToolMode? ReadToolChoice(JsonElement? choice) => choice switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } word => word.GetString() switch
        {
            "auto" => ChatToolMode.Auto,
            "none" => ChatToolMode.None,
            "required" => ChatToolMode.RequireAny,
            _ => throw WrongChoice(),
        },
        { ValueKind: JsonValueKind.Object } value when value.Optional("function") is { ValueKind: JsonValueKind.Object } function && function.OptionalText("name") is { Length: > 0 } name =>
            ChatToolMode.RequireSpecific(name),
        _ => throw WrongChoice(),
    };

    private static ChatResponseFormat? ReadFormat(JsonElement? format)
    {
        if (format is null)
            return null;
        var value = format.Value.ValueKind == JsonValueKind.Object ? format.Value : throw WrongFormat();
        return value.OptionalText("type") switch
        {
            "text" => ChatResponseFormat.Text,
            "json_object" => ChatResponseFormat.Json,
            "json_schema" when value.Optional("json_schema") is { ValueKind: JsonValueKind.Object } named && named.Optional("schema") is { ValueKind: JsonValueKind.Object } schema =>
                ChatResponseFormat.ForJsonSchema(schema.Clone(), named.OptionalText("name"), named.OptionalText("description")),
            _ => throw WrongFormat(),
        };
    }

    private static ApiException WrongChoice() => ApiException.BadRequest("\"tool_choice\" must be auto, none, required, or name a function.", "tool_choice");

    private static ApiException WrongFormat() => ApiException.BadRequest("\"response_format\" must be of the type text, json_object, or json_schema with a schema.", "response_format");
}
