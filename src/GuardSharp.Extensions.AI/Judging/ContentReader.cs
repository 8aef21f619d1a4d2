using System.Text.Json;
using GuardSharp.Conversations;
using Microsoft.Extensions.AI;

namespace GuardSharp.Extensions.AI.Judging;

/// <summary>How a content is treated.</summary>
internal enum ContentKind
{
    /// <summary>Text: may be judged and released in pieces.</summary>
    Text,

    /// <summary>Reasoning: as text, but apart from it.</summary>
    Reasoning,

    /// <summary>Judged and released as a whole.</summary>
    Whole,

    /// <summary>Nothing to judge: numbers, or what the options let pass.</summary>
    Free,

    /// <summary>Left out.</summary>
    Withheld,
}

/// <summary>A part and who says it.</summary>
internal readonly record struct SpokenPart(Role Role, ContentPart Part);

/// <summary>A content as the guard sees it.</summary>
/// <param name="Kind">How it is treated.</param>
/// <param name="Text">Its text, for the two kinds of text.</param>
/// <param name="Parts">Its parts, if it is judged as a whole.</param>
internal readonly record struct ReadContent(ContentKind Kind, string Text, IReadOnlyList<SpokenPart> Parts);

/// <summary>Turns the contents of chat messages into what a guard judges.</summary>
internal sealed class ContentReader(GuardedChatOptions options)
{
    private static readonly JsonSerializerOptions _compact = new(AIJsonUtilities.DefaultOptions) { WriteIndented = false };
    private static readonly ReadContent _free = new(ContentKind.Free, "", []);

    /// <summary>All that goes to the model: messages, and what the request says beside them.</summary>
    /// <exception cref="ContentNotAllowedException">One of them holds content that cannot be judged.</exception>
    public TurnList Read(IEnumerable<ChatMessage> messages, ChatOptions? request)
    {
        var turns = new TurnList();
        foreach (var text in Declarations.Of(request, options.JudgeSystemMessages))
            turns.Add(SystemRole, new TextPart(text));
        foreach (var message in messages)
        {
            var role = RoleOf(message.Role);
            // Neighbouring texts are one text, as they are for the model.
            var text = new System.Text.StringBuilder();
            foreach (var content in message.Contents)
            {
                var read = Read(content, role, output: false);
                if (read.Kind == ContentKind.Text)
                {
                    text.Append(read.Text);
                    continue;
                }

                turns.Add(role, new TextPart(text.ToString()));
                text.Clear();
                if (read.Kind == ContentKind.Reasoning)
                    turns.Add(role, new TextPart(read.Text));
                foreach (var (speaker, part) in read.Parts)
                    turns.Add(speaker, part);
            }

            turns.Add(role, new TextPart(text.ToString()));
        }

        return turns;
    }

    /// <summary>One content.</summary>
    /// <param name="content">The content.</param>
    /// <param name="role">Who speaks in its message.</param>
    /// <param name="output">Whether it is part of an answer.</param>
    /// <exception cref="ContentNotAllowedException">It cannot be judged.</exception>
    public ReadContent Read(AIContent content, Role role, bool output)
    {
        switch (content)
        {
            case TextContent text:
                return new(ContentKind.Text, text.Text, []);
            case TextReasoningContent reasoning:
                return new(output && Withholds(reasoning) ? ContentKind.Withheld : ContentKind.Reasoning, reasoning.Text, []);
            case UsageContent:
                return _free;
            case ErrorContent error:
                return Whole(role, new TextPart($"{error.Message}\n{error.Details}"));
            case DataContent data when data.HasTopLevelMediaType("image"):
                return Whole(role, new ImagePart(data.Data));
            case FunctionCallContent call:
                return Whole(Role.Assistant, CallOf(call));
            case FunctionResultContent result:
                return options.IncludeToolResults ? new(ContentKind.Whole, "", ResultOf(result)) : _free;
            case ToolApprovalRequestContent { ToolCall: FunctionCallContent call }:
                return Whole(Role.Assistant, CallOf(call));
            case ToolApprovalResponseContent { ToolCall: FunctionCallContent call } approval:
                return new(ContentKind.Whole, "", [new(Role.Assistant, CallOf(call)), new(role, new TextPart(approval.Reason ?? ""))]);
            case UriContent uri when uri.Uri.Scheme == "data":
                return Read(new DataContent(uri.Uri, uri.MediaType), role, output);
            case UriContent when options.AllowUriContent:
                return _free;
            default:
                return options.AllowUnjudged?.Invoke(content) == true ? _free : throw new ContentNotAllowedException(KindOf(content));
        }
    }

    /// <summary>Whether a content of an answer is left out.</summary>
    public bool Withholds(AIContent content) => content is TextReasoningContent && options.Reasoning == ReasoningTreatment.Withhold;

    /// <summary>Who speaks in a message. Whoever is unknown is judged as the user.</summary>
    public Role RoleOf(ChatRole role) =>
        role == ChatRole.Assistant ? Role.Assistant
        : role == ChatRole.Tool ? Role.Tool
        : role == ChatRole.System || role.Value == "developer" ? SystemRole
        : Role.User;

    private Role SystemRole => options.JudgeSystemMessages ? Role.User : Role.System;

    private static ReadContent Whole(Role role, ContentPart part) => new(ContentKind.Whole, "", [new(role, part)]);

    private static ToolCallPart CallOf(FunctionCallContent call) => new(call.Name, call.Arguments is { } arguments ? Write(arguments) : "{}");

    private List<SpokenPart> ResultOf(FunctionResultContent result)
    {
        var parts = new List<SpokenPart>();
        switch (result.Result)
        {
            case null:
                break;
            case string text:
                parts.Add(new(Role.Tool, new TextPart(text)));
                break;
            case JsonElement { ValueKind: JsonValueKind.String } json:
                parts.Add(new(Role.Tool, new TextPart(json.GetString()!)));
                break;
            case AIContent content:
                AddResult(content, parts);
                break;
            case IEnumerable<AIContent> contents:
                foreach (var content in contents)
                    AddResult(content, parts);
                break;
            case var value:
                parts.Add(new(Role.Tool, new TextPart(Write(value))));
                break;
        }

        return parts;
    }

    private void AddResult(AIContent content, List<SpokenPart> parts)
    {
        var read = Read(content, Role.Tool, output: false);
        if (read.Text.Length > 0)
            parts.Add(new(Role.Tool, new TextPart(read.Text)));
        parts.AddRange(read.Parts);
    }

    /// <summary>A value as the model will read it.</summary>
    private static string Write(object value)
    {
        try
        {
            return JsonSerializer.Serialize(value, _compact.GetTypeInfo(value.GetType()));
        }
        catch (Exception error) when (error is NotSupportedException or JsonException or InvalidOperationException)
        {
            throw new ContentNotAllowedException($"a value of {value.GetType().Name} that cannot be written as JSON", error);
        }
    }

    private static string KindOf(AIContent content) => content switch
    {
        // The media type comes from outside: only its first word, if it is one.
        DataContent data => $"data of the kind \"{new string([.. data.MediaType.TakeWhile(char.IsAsciiLetter).Take(20)])}\"",
        UriContent => "an address (UriContent)",
        _ => content.GetType().Name,
    };
}
