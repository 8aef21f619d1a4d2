using System.Globalization;
using GuardSharp.Policies;
using GuardSharp.Server.Audit.Store;
using GuardSharp.Server.Judging;
using Microsoft.AspNetCore.Mvc;

namespace GuardSharp.Server.Audit.Review;

/// <summary>The query of a request for decisions. All texts, so that a wrong one is answered with what is allowed.</summary>
internal sealed record DecisionFilter
{
    /// <summary>From this time on, such as 2026-01-31T12:00:00Z.</summary>
    [FromQuery(Name = "from")]
    public string? From { get; init; }

    /// <summary>Before this time.</summary>
    [FromQuery(Name = "before")]
    public string? Before { get; init; }

    /// <summary>true or false.</summary>
    [FromQuery(Name = "unsafe")]
    public string? Unsafe { get; init; }

    /// <summary>A code, such as S4.</summary>
    [FromQuery(Name = "category")]
    public string? Category { get; init; }

    /// <summary>A key's name.</summary>
    [FromQuery(Name = "key")]
    public string? Key { get; init; }

    /// <summary>A model's name with its hash.</summary>
    [FromQuery(Name = "model")]
    public string? Model { get; init; }

    /// <summary>true or false.</summary>
    [FromQuery(Name = "labelled")]
    public string? Labelled { get; init; }

    /// <summary>true: with the judged conversations.</summary>
    [FromQuery(Name = "content")]
    public string? Content { get; init; }

    /// <summary>desc (the latest first, default) or asc.</summary>
    [FromQuery(Name = "order")]
    public string? Order { get; init; }

    /// <summary>The <c>next</c> of the page before.</summary>
    [FromQuery(Name = "cursor")]
    public string? Cursor { get; init; }

    /// <summary>Decisions of a page: 1 to 200, default 50.</summary>
    [FromQuery(Name = "limit")]
    public string? Limit { get; init; }

    /// <summary>The query it stands for.</summary>
    /// <exception cref="ApiException">A value is not what is allowed.</exception>
    public DecisionQuery Read() => new()
    {
        From = ReadTime(From, "from"),
        Before = ReadTime(Before, "before"),
        Unsafe = ReadBoolean(Unsafe, "unsafe"),
        Category = ReadCategory(Category),
        Key = Key,
        Model = Model,
        Labelled = ReadBoolean(Labelled, "labelled"),
        ReadContent = ReadBoolean(Content, "content") ?? false,
        Descending = Order switch
        {
            null or "desc" => true,
            "asc" => false,
            _ => throw ApiException.BadRequest("order must be desc or asc.", "order"),
        },
        Cursor = ReadNumber(Cursor, "cursor", long.MaxValue, "the \"next\" of the page before"),
        Limit = (int)(ReadNumber(Limit, "limit", 200, "a number from 1 to 200") ?? 50),
    };

    private static DateTimeOffset? ReadTime(string? text, string name) =>
        text is null ? null
        : DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time
        : throw ApiException.BadRequest($"{name} must be a time such as 2026-01-31T12:00:00Z; without a zone it is UTC.", name);

    private static bool? ReadBoolean(string? text, string name) => text switch
    {
        null => null,
        "true" => true,
        "false" => false,
        _ => throw ApiException.BadRequest($"{name} must be true or false.", name),
    };

    private static string? ReadCategory(string? code) => code is null || IsCode(code) ? code : throw ApiException.BadRequest("category must be a code such as S4.", "category");

    private static long? ReadNumber(string? text, string name, long most, string allowed) =>
        text is null ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1 && number <= most ? number
        : throw ApiException.BadRequest($"{name} must be {allowed}.", name);

    /// <summary>Whether a text is a category's code.</summary>
    public static bool IsCode(string? text)
    {
        try
        {
            return text is not null && new HazardCategory(text, text).Number > 0;
        }
        catch (InvalidConversationException)
        {
            return false;
        }
    }
}
