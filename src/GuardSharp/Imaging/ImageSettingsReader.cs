using System.Text.Json;

namespace GuardSharp.Imaging;

/// <summary>The keys of a model folder's preprocessor_config.json or processor_config.json, read so that every failure names file, key and what is computed.</summary>
internal sealed class ImageSettingsReader
{
    private readonly string _file;
    private readonly string _family;
    private readonly JsonElement _settings;

    private ImageSettingsReader(string file, string family, JsonElement settings) => (_file, _family, _settings) = (file, family, settings);

    /// <summary>Reads the settings of a model folder; default when it has no such file.</summary>
    /// <param name="folder">The model folder.</param>
    /// <param name="family">The models that have such settings, for messages.</param>
    /// <param name="read">Takes what it knows.</param>
    /// <exception cref="CheckpointException">A file that is no JSON, or asks for what this library does not compute.</exception>
    public static T? ReadFolder<T>(string folder, string family, Func<ImageSettingsReader, T> read)
    {
        foreach (var name in (string[])["preprocessor_config.json", "processor_config.json"])
        {
            var path = Path.Combine(folder, name);
            if (File.Exists(path))
                return Parse(path, File.ReadAllBytes(path), family, read);
        }

        return default;
    }

    /// <summary>Reads the settings in the bytes of one such file.</summary>
    /// <param name="file">Its name, for messages.</param>
    /// <param name="json">Its content. Settings lie at the top (preprocessor_config.json) or under "image_processor" (processor_config.json).</param>
    /// <param name="family">The models that have such settings, for messages.</param>
    /// <param name="read">Takes what it knows.</param>
    /// <exception cref="CheckpointException">As for <see cref="ReadFolder"/>.</exception>
    public static T Parse<T>(string file, ReadOnlyMemory<byte> json, string family, Func<ImageSettingsReader, T> read)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
                throw new CheckpointException($"{file} holds {root.ValueKind}, but a JSON object is needed. Is the model folder complete?");
            var settings = root.TryGetProperty("image_processor", out var nested) && nested.ValueKind == JsonValueKind.Object ? nested : root;
            return read(new ImageSettingsReader(file, family, settings));
        }
        catch (JsonException e)
        {
            throw new CheckpointException($"{file} is not JSON: {e.Message} Is the model folder complete?", e);
        }
    }

    /// <summary>Refuses a file that leaves one of these steps out, or resamples or rescales in another way.</summary>
    public void RequireSteps(params string[] steps)
    {
        foreach (var step in steps)
            Require(step, Bool(step, true), true);
        Require("resample", Number("resample", 2), 2);                              // PIL's number for bilinear
        // Written as 0.00392156862745098: within a float's rounding of 1/255.
        Require("rescale_factor", (float)Number("rescale_factor", 1 / 255.0), 1f / 255f);
    }

    /// <summary>Side of a tile in pixels, which must be the vision encoder's.</summary>
    public int TileSize(int visionImageSize)
    {
        if (!Find("size", out var size))
            return visionImageSize;
        if (size.ValueKind == JsonValueKind.Object && size.TryGetProperty("height", out var height) && size.TryGetProperty("width", out var width)
            && height.TryGetInt32(out var rows) && width.TryGetInt32(out var columns) && rows == columns)
        {
            Require("size", rows, visionImageSize);
            return rows;
        }

        throw Refused("size", size.GetRawText(), "{\"height\": n, \"width\": n} with equal sides");
    }

    /// <summary>True or false.</summary>
    public bool Bool(string key, bool absent) => !Find(key, out var value) ? absent : value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Refused(key, value.GetRawText(), "true or false"),
    };

    /// <summary>A whole number.</summary>
    public int Whole(string key, int absent, int from, int to)
    {
        var number = Number(key, absent);
        return number == Math.Floor(number) && number >= from && number <= to
            ? (int)number
            : throw Refused(key, $"{number}", $"a whole number of {from} to {to}");
    }

    /// <summary>A number for red, green and blue.</summary>
    public float[] Channels(string key, float[] absent, bool mayBeZero)
    {
        if (!Find(key, out var value))
            return absent;
        var isThree = value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 3
            && value.EnumerateArray().All(v => v.ValueKind == JsonValueKind.Number && (float)v.GetDouble() is >= 0 and <= 1 && (mayBeZero || v.GetDouble() > 0));
        return isThree
            ? [.. value.EnumerateArray().Select(v => (float)v.GetDouble())]
            : throw Refused(key, value.GetRawText(), "three numbers from 0 to 1 (image_std above 0)");
    }

    /// <summary>Refuses a value other than the one that is computed.</summary>
    public void Require<T>(string key, T seen, T allowed)
    {
        if (!EqualityComparer<T>.Default.Equals(seen, allowed))
            throw Refused(key, $"{seen}", $"{allowed}");
    }

    private double Number(string key, double absent)
    {
        if (!Find(key, out var value))
            return absent;
        return value.ValueKind == JsonValueKind.Number ? value.GetDouble() : throw Refused(key, value.GetRawText(), "a number");
    }

    private bool Find(string key, out JsonElement value) =>
        _settings.TryGetProperty(key, out value) && value.ValueKind != JsonValueKind.Null;

    private CheckpointException Refused(string key, string seen, string allowed) => new(
        $"{_file}: \"{key}\" is {seen}, but GuardSharp computes {allowed} here. Is the file of a {_family} model, and of the same folder as config.json?");
}
