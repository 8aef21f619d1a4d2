using System.Text.Json;

namespace GuardSharp.Server.Judging;

/// <summary>What <c>/v1/guard/classify</c> takes, for its description alone: it is read key by key.</summary>
internal sealed record ClassifyBody
{
    /// <summary>A conversation, its last message judged. One of messages, conversation and inputs.</summary>
    public IReadOnlyList<MessageBody>? Messages { get; init; }

    /// <summary>The same as an object whose messages is the list, or as the list.</summary>
    public JsonElement? Conversation { get; init; }

    /// <summary>Several conversations, each a list of messages or such an object.</summary>
    public IReadOnlyList<JsonElement>? Inputs { get; init; }

    /// <summary>A model's name; none: the default.</summary>
    public string? Model { get; init; }

    /// <summary>A policy's name in configuration, or a policy: name, categories, thresholds.</summary>
    public JsonElement? Policy { get; init; }

    /// <summary>P(unsafe) from which on the verdict is unsafe, from 0 to 1.</summary>
    public double? Threshold { get; init; }

    /// <summary>Thresholds of single categories, by code.</summary>
    public IReadOnlyDictionary<string, double>? CategoryThresholds { get; init; }
}

/// <summary>A message, as chat interfaces write it.</summary>
internal sealed record MessageBody
{
    /// <summary>user, assistant, tool, system or developer.</summary>
    public required string Role { get; init; }

    /// <summary>A string, null, or a list of parts: {"type":"text","text"}, {"type":"image_url","image_url":{"url":"data:..."}}.</summary>
    public JsonElement? Content { get; init; }
}
