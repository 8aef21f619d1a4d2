using System.Text.Json;
using GuardSharp.Server.Judging;

namespace GuardSharp.Server.Endpoints;

/// <summary>Reads the fields of a request that are counted or measured. null counts as absent; errors name the field.</summary>
internal static class RequestFields
{
    /// <summary>An element that must be a text.</summary>
    public static string Text(this JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.String ? value.GetString()! : throw JsonElementExtensions.Wrong(name, value.ValueKind, "a string");

    /// <summary>A field that must be an object, or null.</summary>
    public static JsonElement? OptionalObject(this JsonElement root, string name) => root.Optional(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Object } value => value,
        var other => throw JsonElementExtensions.Wrong(name, other.Value.ValueKind, "an object"),
    };

    /// <summary>A whole number within bounds, or null.</summary>
    public static int? OptionalWhole(this JsonElement root, string name, int least, int most) => root.Optional(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetInt32(out var number) && number >= least && number <= most => number,
        _ => throw ApiException.BadRequest(least == most ? $"\"{name}\" must be {least}." : $"\"{name}\" must be a whole number from {least} to {most}.", name),
    };

    /// <summary>The elements of a list; none where it is absent.</summary>
    /// <param name="root">The object.</param>
    /// <param name="name">The list's key.</param>
    /// <param name="most">How many it may have.</param>
    public static IReadOnlyList<JsonElement> OptionalList(this JsonElement root, string name, int most)
    {
        if (root.Optional(name) is not { } value)
            return [];
        if (value.ValueKind != JsonValueKind.Array)
            throw JsonElementExtensions.Wrong(name, value.ValueKind, "a list");
        CheckInputs(name, value.GetArrayLength(), most);
        return [.. value.EnumerateArray()];
    }

    /// <summary>Refuses more inputs than one request may have.</summary>
    public static void CheckInputs(string name, int count, int most)
    {
        if (count > most)
            throw ApiException.BadRequest($"\"{name}\" has {count} entries; at most {most} are allowed ({nameof(ServerOptions.MaxBatchInputs)}). Send several requests.", name, "too_many_inputs");
    }
}
