using System.Text.Json;

namespace GuardSharp.Imaging;

/// <summary>Reads <see cref="Llama4ImageSettings"/> from a model folder's preprocessor_config.json or processor_config.json.</summary>
/// <remarks>Every key that changes the tiles is honoured, or is an error when its value is one we do not compute.</remarks>
internal static class Llama4ImageSettingsFile
{
    /// <summary>The settings of a model folder; without such a file, the defaults with the tile size of the vision encoder.</summary>
    /// <param name="folder">The model folder.</param>
    /// <param name="visionImageSize">vision_config.image_size of config.json, in pixels; the tile size must equal it.</param>
    /// <exception cref="CheckpointException">A file that is no JSON, or asks for what this library does not compute.</exception>
    public static Llama4ImageSettings Read(string folder, int visionImageSize)
    {
        var preprocessor = Path.Combine(folder, "preprocessor_config.json");
        var processor = Path.Combine(folder, "processor_config.json");
        var fallback = new Llama4ImageSettings { TileSize = visionImageSize };
        if (File.Exists(preprocessor))
            return Parse(preprocessor, File.ReadAllBytes(preprocessor), visionImageSize);
        return File.Exists(processor) ? Parse(processor, File.ReadAllBytes(processor), visionImageSize) : fallback;
    }

    /// <summary>The settings in the bytes of one such file.</summary>
    /// <param name="file">Its name, for messages.</param>
    /// <param name="json">Its content. Settings lie at the top (preprocessor_config.json) or under "image_processor" (processor_config.json).</param>
    /// <param name="visionImageSize">vision_config.image_size in pixels.</param>
    /// <exception cref="CheckpointException">As for <see cref="Read"/>.</exception>
    public static Llama4ImageSettings Parse(string file, ReadOnlyMemory<byte> json, int visionImageSize)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
                throw new CheckpointException($"{file} holds {root.ValueKind}, but a JSON object is needed. Is the model folder complete?");
            var settings = root.TryGetProperty("image_processor", out var nested) && nested.ValueKind == JsonValueKind.Object ? nested : root;
            return new Reader(file, settings).Read(visionImageSize);
        }
        catch (JsonException e)
        {
            throw new CheckpointException($"{file} is not JSON: {e.Message} Is the model folder complete?", e);
        }
    }

    private sealed class Reader(string file, JsonElement settings)
    {
        public Llama4ImageSettings Read(int visionImageSize)
        {
            foreach (var step in (string[])["do_resize", "do_rescale", "do_normalize", "do_convert_rgb"])
                Require(step, Bool(step, true), true);
            Require("do_center_crop", Bool("do_center_crop", false), false);
            Require("resample", Number("resample", 2), 2);                              // PIL's number for bilinear
            // Written as 0.00392156862745098: within a float's rounding of 1/255.
            Require("rescale_factor", (float)Number("rescale_factor", 1 / 255.0), 1f / 255f);
            var side = TileSize(visionImageSize);
            Require("size", side, visionImageSize);
            return new Llama4ImageSettings
            {
                TileSize = side,
                MaxTiles = Whole("max_patches", 16, 1, 1024),
                Mean = Channels("image_mean", mayBeZero: true),
                StandardDeviation = Channels("image_std", mayBeZero: false),
                ResizeToMaxCanvas = Bool("resize_to_max_canvas", false),
            };
        }

        private int TileSize(int visionImageSize)
        {
            if (!Find("size", out var size))
                return visionImageSize;
            if (size.ValueKind == JsonValueKind.Object && size.TryGetProperty("height", out var height) && size.TryGetProperty("width", out var width)
                && height.TryGetInt32(out var rows) && width.TryGetInt32(out var columns) && rows == columns)
                return rows;
            throw Refused("size", size.GetRawText(), "{\"height\": n, \"width\": n} with equal sides");
        }

        private bool Bool(string key, bool absent) => !Find(key, out var value) ? absent : value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Refused(key, value.GetRawText(), "true or false"),
        };

        private double Number(string key, double absent)
        {
            if (!Find(key, out var value))
                return absent;
            return value.ValueKind == JsonValueKind.Number ? value.GetDouble() : throw Refused(key, value.GetRawText(), "a number");
        }

        private int Whole(string key, int absent, int from, int to)
        {
            var number = Number(key, absent);
            return number == Math.Floor(number) && number >= from && number <= to
                ? (int)number
                : throw Refused(key, $"{number}", $"a whole number of {from} to {to}");
        }

        private float[] Channels(string key, bool mayBeZero)
        {
            if (!Find(key, out var value))
                return [0.5f, 0.5f, 0.5f];
            var isThree = value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 3
                && value.EnumerateArray().All(v => v.ValueKind == JsonValueKind.Number && (float)v.GetDouble() is >= 0 and <= 1 && (mayBeZero || v.GetDouble() > 0));
            return isThree
                ? [.. value.EnumerateArray().Select(v => (float)v.GetDouble())]
                : throw Refused(key, value.GetRawText(), "three numbers from 0 to 1 (image_std above 0)");
        }

        private bool Find(string key, out JsonElement value) =>
            settings.TryGetProperty(key, out value) && value.ValueKind != JsonValueKind.Null;

        private void Require<T>(string key, T seen, T allowed)
        {
            if (!EqualityComparer<T>.Default.Equals(seen, allowed))
                throw Refused(key, $"{seen}", $"{allowed}");
        }

        private CheckpointException Refused(string key, string seen, string allowed) => new(
            $"{file}: \"{key}\" is {seen}, but GuardSharp computes {allowed} here. Is the file of a Llama 4 model, and of the same folder as config.json?");
    }
}
