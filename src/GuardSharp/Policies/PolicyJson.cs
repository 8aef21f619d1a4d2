using System.Text.Json;

namespace GuardSharp.Policies;

/// <summary>Reads policy files. Every error names the file, what was seen and what is allowed.</summary>
internal static class PolicyJson
{
    private const int MaxFileBytes = 1 << 20;

    // Of a key given twice one would win in silence.
    private static readonly JsonDocumentOptions _strict = new() { AllowDuplicateProperties = false };

    public static Policy ReadFile(string path)
    {
        byte[] bytes;
        try
        {
            bytes = BoundedFile.Read(path, MaxFileBytes)
                ?? throw new InvalidConversationException($"{path}: a policy file holds at most {MaxFileBytes} bytes, and this one more.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new InvalidConversationException($"{path}: cannot be read: {e.Message} Give the path of a policy file.", e);
        }

        return Read(bytes, path);
    }

    public static Policy Read(ReadOnlyMemory<byte> utf8Json, string source)
    {
        try
        {
            // Editors put a byte order mark before UTF-8; it is no part of the document.
            using var document = JsonDocument.Parse(utf8Json.Span.StartsWith("\uFEFF"u8) ? utf8Json[3..] : utf8Json, _strict);
            return Read(document.RootElement, source);
        }
        catch (JsonException e)
        {
            throw new InvalidConversationException($"{source}: not JSON: {e.Message}", e);
        }
        catch (InvalidOperationException e)
        {
            // The parser looks into strings only when they are read.
            throw new InvalidConversationException($"{source}: a string is not valid Unicode. Write the file as UTF-8.", e);
        }
    }

    private static Policy Read(JsonElement root, string source)
    {
        if (root.ValueKind != JsonValueKind.Object)
            throw Error(source, $"the top is {root.ValueKind}", "an object with name, categories and optionally thresholds");
        string? name = null;
        List<HazardCategory>? categories = null;
        var thresholds = new Dictionary<string, double>();
        foreach (var property in root.EnumerateObject())
        {
            switch (property.Name)
            {
                case "name":
                    name = Text(property.Value, "name", source);
                    break;
                case "categories":
                    categories = ReadCategories(property.Value, source);
                    break;
                case "thresholds":
                    ReadThresholds(property.Value, thresholds, source);
                    break;
                default:
                    throw Error(source, $"the unknown key \"{property.Name}\"", "name, categories and thresholds");
            }
        }

        // Without a list the file only sets thresholds of the default policy.
        return Policy.Create(name ?? "custom", categories ?? [.. Policy.MlCommons.Categories], thresholds);
    }

    private static List<HazardCategory> ReadCategories(JsonElement list, string source)
    {
        if (list.ValueKind != JsonValueKind.Array)
            throw Error(source, $"categories is {list.ValueKind}", "a list of codes such as \"S1\" and of objects with code and name");
        var categories = new List<HazardCategory>();
        foreach (var item in list.EnumerateArray())
        {
            categories.Add(item.ValueKind switch
            {
                JsonValueKind.String => Known(item.GetString()!, source).Category,
                JsonValueKind.Object => ReadCategory(item, source),
                _ => throw Error(source, $"a category is {item.ValueKind}", "a code such as \"S1\", or an object with code and name"),
            });
        }

        return categories;
    }

    private static HazardCategory ReadCategory(JsonElement item, string source)
    {
        string? code = null, name = null, description = null;
        foreach (var property in item.EnumerateObject())
        {
            _ = property.Name switch
            {
                "code" => code = Text(property.Value, "code", source),
                "name" => name = Text(property.Value, "name", source),
                "description" => description = Text(property.Value, "description", source),
                _ => throw Error(source, $"the unknown key \"{property.Name}\" in a category", "code, name and description"),
            };
        }

        if (code is null)
            throw Error(source, "a category without code", "an S and a number, such as S99");
        return new HazardCategory(code, name ?? Known(code, source).Category.Name, description);
    }

    private static void ReadThresholds(JsonElement map, Dictionary<string, double> thresholds, string source)
    {
        if (map.ValueKind != JsonValueKind.Object)
            throw Error(source, $"thresholds is {map.ValueKind}", "an object such as {\"S1\": 0.3}");
        foreach (var property in map.EnumerateObject())
        {
            if (property.Value.ValueKind != JsonValueKind.Number || !property.Value.TryGetDouble(out var value))
                throw Error(source, $"the threshold of {property.Name} is {property.Value.ValueKind}", "a number above 0 and up to 1");
            if (!thresholds.TryAdd(property.Name, value))
                throw Error(source, $"two thresholds of {property.Name}", "one for each code");
        }
    }

    private static TaxonomyEntry Known(string code, string source) => HazardTaxonomy.Find(code)
        ?? throw Error(source, $"the unknown category \"{code}\"", "S1 to S14; for one of your own write an object with code and name");

    private static string Text(JsonElement value, string key, string source) => value.ValueKind == JsonValueKind.String
        ? value.GetString()!
        : throw Error(source, $"{key} is {value.ValueKind}", "a string");

    private static InvalidConversationException Error(string source, string seen, string allowed) =>
        new($"{source}: {seen}; allowed is {allowed}.");
}
