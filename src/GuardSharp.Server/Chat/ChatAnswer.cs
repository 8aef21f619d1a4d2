using System.Text.Json;
using Microsoft.Extensions.AI;

namespace GuardSharp.Server.Chat;

/// <summary>Turns what the guarded client says into chat completions: one, or the chunks of a stream.</summary>
internal sealed class ChatAnswer(CallerGuard guard, string? model, TimeProvider time)
{
    private static readonly JsonSerializerOptions _arguments = new(AIJsonUtilities.DefaultOptions) { WriteIndented = false };

    private readonly string _id = $"chatcmpl-{Guid.NewGuid():n}";
    private readonly long _created = time.GetUtcNow().ToUnixTimeSeconds();
    private bool _begun;
    private int _calls;
    private string? _finish;

    /// <summary>The tokens that the upstream counted.</summary>
    public ChatUsage? Usage { get; private set; }

    /// <summary>A whole answer.</summary>
    public ChatBody Whole(ChatResponse response)
    {
        var contents = response.Messages.SelectMany(message => message.Contents).ToList();
        var message = MessageOf(contents, streamed: false) with { Role = "assistant" };
        var guardBody = ChatGuardBody.Of(response.AdditionalProperties, guard.Latest);
        return new ChatBody(_id, "chat.completion", _created, PlainName(response.ModelId), [new ChatChoice(0, message, null, NameOf(response.FinishReason) ?? "stop")], ChatUsage.Of(response.Usage), guardBody);
    }

    /// <summary>A piece of an answer; null where it says nothing that has a place in a chunk.</summary>
    public ChatBody? Chunk(ChatResponseUpdate update)
    {
        foreach (var usage in update.Contents.OfType<UsageContent>())
            Usage = ChatUsage.Of(usage.Details);
        var delta = MessageOf([.. update.Contents], streamed: true);
        var finish = NameOf(update.FinishReason);
        // Several messages of a stream are one answer here: it ends once, with the last reason.
        _finish = finish ?? _finish;
        var guardBody = ChatGuardBody.Of(update.AdditionalProperties, guard.Latest);
        if (delta is { Content: null, Refusal: null, ToolCalls: null } && guardBody is null && _begun)
            return null;
        delta = _begun ? delta : delta with { Role = "assistant" };
        _begun = true;
        return new ChatBody(_id, "chat.completion.chunk", _created, PlainName(update.ModelId), [new ChatChoice(0, null, delta, null)], null, guardBody);
    }

    /// <summary>The chunk that ends the stream.</summary>
    public ChatBody End() => new(_id, "chat.completion.chunk", _created, model, [new ChatChoice(0, null, new ChatMessageBody(null, null), _finish ?? "stop")]);

    /// <summary>The chunk behind the end that tells the tokens.</summary>
    public ChatBody EndUsage() => new(_id, "chat.completion.chunk", _created, model, [], Usage ?? new ChatUsage(0, 0, 0));

    private ChatMessageBody MessageOf(List<AIContent> contents, bool streamed)
    {
        var texts = contents.OfType<TextContent>().Select(text => text.Text).ToList();
        var refusals = contents.OfType<ErrorContent>().Select(error => error.Message).ToList();
        var calls = contents.OfType<FunctionCallContent>().Select(call => new ChatCallBody(
            streamed ? _calls++ : null,
            PlainId(call.CallId),
            "function",
            new ChatFunctionBody(call.Name, call.Arguments is { } arguments ? JsonSerializer.Serialize(arguments, _arguments.GetTypeInfo(typeof(IDictionary<string, object?>))) : "{}"))).ToList();
        return new ChatMessageBody(null, texts.Count > 0 ? string.Concat(texts) : null, refusals.Count > 0 ? string.Concat(refusals) : null, calls.Count > 0 ? calls : null);
    }

    // Nobody judges ids and names, and a client may show them: what is more than one is replaced.
    private static string PlainId(string id) => IsPlain(id, "_-") ? id : $"call_{Guid.NewGuid():n}";

    private string? PlainName(string? name) => name is not null && IsPlain(name, "_-.:/@") ? name : model;

    private static bool IsPlain(string word, string signs) =>
        word.Length is > 0 and <= 64 && word.All(letter => char.IsAsciiLetterOrDigit(letter) || signs.Contains(letter, StringComparison.Ordinal));

    private static string? NameOf(ChatFinishReason? reason) => reason?.Value;
}
