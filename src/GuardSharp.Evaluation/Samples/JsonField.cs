using System.Text.Json;

namespace GuardSharp.Evaluation.Samples;

/// <summary>Fields of a row with errors that name file and line.</summary>
internal static class JsonField
{
    /// <summary>A string property.</summary>
    /// <exception cref="SampleFileException">It is missing or not a whole string.</exception>
    public static string Text(JsonElement element, string name, string place)
    {
        var value = element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var found)
            ? found
            : throw new SampleFileException($"{place} has no \"{name}\".");
        if (value.ValueKind != JsonValueKind.String)
        {
            throw new SampleFileException($"{place}: \"{name}\" is {KindOf(value)}, but must be a string.");
        }

        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException error)
        {
            // JSON may spell half of a surrogate pair, which is no character and cannot become UTF-8.
            throw new SampleFileException($"{place}: \"{name}\" holds half of a surrogate pair, which is no character.", error);
        }
    }

    /// <summary>What a JSON value is, in the words of a message.</summary>
    public static string KindOf(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Array => "a list",
        JsonValueKind.Object => "an object",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.Null => "null",
        _ => "a boolean",
    };
}
