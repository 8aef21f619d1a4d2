using System.Text.Json.Nodes;

namespace GuardSharp.Evaluation.Datasets.Import;

/// <summary>A row as it will stand in our schema.</summary>
/// <param name="Id">Its name within the data set.</param>
/// <param name="Prompt">What the user says.</param>
/// <param name="Unsafe">The truth.</param>
internal sealed record ImportedRow(string Id, string Prompt, bool Unsafe)
{
    /// <summary>The assistant's answer, which then is what is judged; null: the prompt is.</summary>
    public string? Response { get; init; }

    /// <summary>The picture's path below the folder of pictures; null: none.</summary>
    public string? Image { get; init; }

    /// <summary>Codes of the violated categories.</summary>
    public IReadOnlyList<string> Categories { get; init; } = [];

    /// <summary>Language tag.</summary>
    public string Language { get; init; } = "en";

    /// <summary>The row in our schema.</summary>
    /// <param name="source">The data set.</param>
    /// <param name="picture">Its picture's path as the written file names it; null: none.</param>
    public JsonObject ToJson(string source, string? picture)
    {
        JsonNode content = picture is null
            ? Prompt
            : new JsonArray(
                new JsonObject { ["type"] = "image", ["path"] = picture },
                new JsonObject { ["type"] = "text", ["text"] = Prompt });
        var messages = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = content });
        if (Response is not null)
        {
            messages.Add(new JsonObject { ["role"] = "assistant", ["content"] = Response });
        }

        return new JsonObject
        {
            ["id"] = $"{source}/{Id}",
            ["task"] = Response is null ? "prompt" : "response",
            ["messages"] = messages,
            ["unsafe"] = Unsafe,
            ["categories"] = new JsonArray([.. (Unsafe ? Categories.Distinct() : []).Select(code => (JsonNode?)code)]),
            ["language"] = Language,
            ["source"] = source,
        };
    }
}
