using System.Text.Json;

namespace GuardSharp.Checkpoints;

/// <summary>An object of a model folder's JSON file, read so that every failure names the file, the key, what was seen and what is allowed.</summary>
/// <remarks>Remembers which keys were asked for; the others are unknown and end as warnings. A key twice is an error.</remarks>
internal sealed class JsonSection
{
    // Longest JSON file read, in bytes: 16 times a large tokenizer_config.json.
    private const long MaxFileBytes = 16L << 20;

    private readonly string _path;
    private readonly JsonElement _element;
    private readonly HashSet<string> _names = [];
    private readonly HashSet<string> _known = [];
    private readonly List<JsonSection> _sections = [];

    private JsonSection(string file, string path, JsonElement element)
    {
        File = file;
        _path = path;
        _element = element;
        foreach (var property in element.EnumerateObject())
        {
            if (!_names.Add(property.Name))
            {
                throw new CheckpointException($"{file}: \"{Key(property.Name)}\" stands twice. Remove one of them.");
            }
        }
    }

    /// <summary>The file's name, for messages.</summary>
    public string File { get; }

    /// <summary>All keys and values.</summary>
    public JsonElement.ObjectEnumerator Entries => _element.EnumerateObject();

    /// <summary>Reads a file whose root is an object.</summary>
    /// <exception cref="CheckpointException">The file cannot be read, or <paramref name="read"/> refuses it.</exception>
    public static T ReadFile<T>(string path, Func<JsonSection, T> read)
    {
        var name = Path.GetFileName(path);
        byte[] bytes;
        try
        {
            var length = new FileInfo(path).Length;
            if (length > MaxFileBytes)
            {
                throw new CheckpointException($"{name}: {length} bytes, but at most {MaxFileBytes} are read. Is it the right file?");
            }

            bytes = System.IO.File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{name}: the file cannot be read: {exception.Message}", exception);
        }

        return Parse(name, bytes, read);
    }

    /// <summary>Reads a document whose root is an object.</summary>
    /// <exception cref="CheckpointException">It is no such document, or <paramref name="read"/> refuses it.</exception>
    public static T Parse<T>(string file, ReadOnlyMemory<byte> json, Func<JsonSection, T> read)
    {
        // Editors on Windows put a byte order mark in front, which JSON does not allow.
        var start = json.Span.StartsWith("\uFEFF"u8) ? 3 : 0;
        try
        {
            using var document = JsonDocument.Parse(json[start..]);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? read(new JsonSection(file, "", document.RootElement))
                : throw new CheckpointException($"{file}: the file must hold a JSON object, but it is {Seen(document.RootElement)}.");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string with an escape that is no character.
            throw new CheckpointException($"{file}: not valid JSON: {exception.Message}", exception);
        }
    }

    /// <summary>The object under a key; null when it is absent or null.</summary>
    public JsonSection? Section(string key)
    {
        if (Find(key, JsonValueKind.Object, "an object") is not { } value)
        {
            return null;
        }

        var section = new JsonSection(File, Key(key), value);
        _sections.Add(section);
        return section;
    }

    /// <summary>Whether a key is there, null counting as there.</summary>
    public bool Has(string key) => _names.Contains(key);

    /// <summary>Whether a key is there with a value other than null.</summary>
    public bool TryGet(string key, out JsonElement value)
    {
        Know(key);
        return _element.TryGetProperty(key, out value) && value.ValueKind != JsonValueKind.Null;
    }

    /// <summary>A whole number that must be there.</summary>
    public int Int(string key, int least, int most) => OptionalInt(key, least, most) ?? throw Missing(key, $"a whole number from {least} to {most}");

    /// <summary>A whole number; null when the key is absent or null.</summary>
    public int? OptionalInt(string key, int least, int most) =>
        Find(key, JsonValueKind.Number, Range(least, most)) is { } value ? ToInt(key, value, least, most) : null;

    /// <summary>A number that must be there.</summary>
    public double Number(string key, double least, double most) => OptionalNumber(key, least, most) ?? throw Missing(key, $"a number from {least} to {most}");

    /// <summary>A number; null when the key is absent or null.</summary>
    public double? OptionalNumber(string key, double least, double most)
    {
        var allowed = $"a number from {least} to {most}";
        if (Find(key, JsonValueKind.Number, allowed) is not { } value)
        {
            return null;
        }

        return value.TryGetDouble(out var number) && number >= least && number <= most ? number : throw Error(key, Seen(value), $"{allowed} is allowed");
    }

    /// <summary>True or false; null when the key is absent or null.</summary>
    public bool? Flag(string key)
    {
        if (!TryGet(key, out var value))
        {
            return null;
        }

        return value.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? value.GetBoolean()
            : throw Error(key, Seen(value), "true or false is allowed");
    }

    /// <summary>A text; null when the key is absent or null.</summary>
    public string? Text(string key) => Find(key, JsonValueKind.String, "a text")?.GetString();

    /// <summary>A list of whole numbers; null when the key is absent or null.</summary>
    public int[]? Ints(string key, int least, int most)
    {
        if (Find(key, JsonValueKind.Array, "a list of whole numbers") is not { } list)
        {
            return null;
        }

        var numbers = new int[list.GetArrayLength()];
        var i = 0;
        foreach (var value in list.EnumerateArray())
        {
            numbers[i++] = ToInt(key, value, least, most);
        }

        return numbers;
    }

    /// <summary>One whole number or a list of them; null when the key is absent or null.</summary>
    public int[]? OneOrMoreInts(string key, int least, int most) =>
        TryGet(key, out var value) && value.ValueKind == JsonValueKind.Number ? [Int(key, least, most)] : Ints(key, least, most);

    /// <summary>A list of texts; null when the key is absent or null.</summary>
    public string[]? Texts(string key)
    {
        if (Find(key, JsonValueKind.Array, "a list of texts") is not { } list)
        {
            return null;
        }

        var texts = new string[list.GetArrayLength()];
        var i = 0;
        foreach (var value in list.EnumerateArray())
        {
            texts[i++] = value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Error(key, Seen(value), "only texts are allowed in the list");
        }

        return texts;
    }

    /// <summary>Refuses a text other than the one that is implemented; absent or null passes.</summary>
    public void Require(string key, string allowed)
    {
        if (Text(key) is { } text && text != allowed)
        {
            throw Error(key, $"\"{Printable.Of(text)}\"", $"only \"{allowed}\" is supported");
        }
    }

    /// <summary>Refuses a flag other than false; absent or null passes.</summary>
    public void RequireFalse(string key)
    {
        if (Flag(key) == true)
        {
            throw Error(key, "true", "only false is supported");
        }
    }

    /// <summary>Refuses a number other than the one that is implemented; absent or null passes.</summary>
    public void RequireNumber(string key, double allowed)
    {
        if (OptionalNumber(key, double.MinValue, double.MaxValue) is { } number && number != allowed)
        {
            throw Error(key, $"{number}", $"only {allowed} is supported");
        }
    }

    /// <summary>Keys that do not change the result of a forward pass.</summary>
    public void Ignore(params string[] keys)
    {
        foreach (var key in keys)
        {
            Know(key);
        }
    }

    /// <summary>The keys of this object and its sections that nobody asked for.</summary>
    public IEnumerable<string> UnknownKeys() =>
        _names.Where(key => !_known.Contains(key)).Select(key => Printable.Of(Key(key))).Concat(_sections.SelectMany(section => section.UnknownKeys()));

    /// <summary>An error of this file: <c>config.json: "text_config.hidden_act" is "gelu", but only "silu" is supported.</c></summary>
    public CheckpointException Error(string key, string seen, string allowed) =>
        new($"{File}: \"{Printable.Of(Key(key))}\" is {seen}, but {allowed}.");

    /// <summary>A key that must be there and is not.</summary>
    public CheckpointException Missing(string key, string allowed) => new($"{File}: \"{Key(key)}\" is missing; it must be {allowed}.");

    private static string Range(int least, int most) => $"a whole number from {least} to {most}";

    private static string Seen(JsonElement value) => Printable.Of(value.GetRawText());

    private int ToInt(string key, JsonElement value, int least, int most) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= least && number <= most
            ? number
            : throw Error(key, Seen(value), $"{Range(least, most)} is allowed");

    private JsonElement? Find(string key, JsonValueKind kind, string allowed)
    {
        if (!TryGet(key, out var value))
        {
            return null;
        }

        return value.ValueKind == kind ? value : throw Error(key, Seen(value), $"{allowed} is allowed");
    }

    private void Know(string key) => _known.Add(key);

    private string Key(string key) => _path.Length == 0 ? key : $"{_path}.{key}";
}
