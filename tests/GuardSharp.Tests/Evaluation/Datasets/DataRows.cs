using System.Text.Json;

namespace GuardSharp.Tests.Evaluation.Datasets;

/// <summary>Rows as data sets hold them.</summary>
internal static class DataRows
{
    public static string Row(
        string id, string text, bool? isUnsafe = false, string[]? categories = null, string source = "s", string language = "en", string? writtenBy = null, string? answer = null, string licence = "permissive") =>
        JsonSerializer.Serialize(new Dictionary<string, object?>
        {
            ["id"] = id,
            ["task"] = answer is null ? "prompt" : "response",
            ["messages"] = answer is null
                ? new object[] { new { role = "user", content = text } }
                : [new { role = "user", content = text }, new { role = "assistant", content = answer }],
            ["unsafe"] = isUnsafe,
            ["categories"] = categories ?? [],
            ["language"] = language,
            ["source"] = source,
            ["licence"] = licence,
            ["weak_label"] = false,
            ["written_by"] = writtenBy,
        });

    /// <summary>Sentences that share nothing: numbers spelt in words.</summary>
    public static string Distinct(int number)
    {
        var random = new Random(number);
        return string.Join(' ', Enumerable.Range(0, 8).Select(_ => string.Concat(Enumerable.Range(0, 6).Select(_ => (char)('a' + random.Next(26))))));
    }
}
