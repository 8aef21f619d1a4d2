using GuardSharp.Checkpoints;

namespace GuardSharp.Models.Verification;

/// <summary>Inputs of a reference run and everything the reference recorded, as the fixtures store them.</summary>
/// <param name="Sequences">Token ids of every row of the batch, padding removed.</param>
/// <param name="Pixels">pixel_values [tiles, 3, P, P], or empty.</param>
/// <param name="Expected">What was recorded, by name; padded positions removed.</param>
internal sealed record GoldenCase(IReadOnlyList<int[]> Sequences, float[] Pixels, IReadOnlyList<GoldenTensor> Expected)
{
    // Such recordings come from a float32 model cast to bfloat16 and back as a whole: weights and rotary frequencies alike.
    private const string CastModelMark = "logits_f32_compute_of_bf16_weights";

    private static readonly string[] Inputs =
        ["input_ids", "attention_mask", "pixel_values", "position_ids", "aspect_ratio_ids", "aspect_ratio_mask", "cross_attention_mask"];

    /// <summary>Whether the reference's rotary frequencies had been rounded to bfloat16. Published checkpoints run with float32 ones.</summary>
    public bool RotaryInBFloat16 { get; init; }

    /// <summary>Ids of the pictures' grids, all sequences' pictures in order (model note M7); empty where pictures stand in place of tokens.</summary>
    public IReadOnlyList<int> GridIds { get; init; } = [];

    /// <summary>Reads the cases of a file. A file of recorded logits alone (names <c>CASE.logits...</c>) takes its inputs from CASE.safetensors in the cases folder beside or above it.</summary>
    /// <exception cref="CheckpointException">The file is damaged or holds no inputs.</exception>
    public static IReadOnlyList<GoldenCase> ReadAll(string path)
    {
        using var file = SafetensorsFile.Open(path);
        if (file.TryGet("input_ids", out _))
        {
            return [Read(file, file)];
        }

        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        return [.. file.Tensors.Where(t => t.Name.Contains('.', StringComparison.Ordinal)).Select(t =>
        {
            var name = t.Name[..t.Name.IndexOf('.', StringComparison.Ordinal)] + ".safetensors";
            var inputs = new[] { Path.Combine(folder, name), Path.Combine(folder, "cases", name), Path.Combine(folder, "..", "cases", name) };
            var found = inputs.FirstOrDefault(File.Exists) ?? throw new CheckpointException(
                $"{path}: \"{t.Name}\" has no inputs: there is no {name} beside it, in cases/ or in ../cases/.");
            using var source = SafetensorsFile.Open(found);
            var golden = Read(source, source);
            return golden with
            {
                Expected = [GoldenTensor.Read(t, "logits", Mask(source))],
                RotaryInBFloat16 = t.Name.EndsWith(CastModelMark, StringComparison.Ordinal),
            };
        })];
    }

    private static GoldenCase Read(SafetensorsFile inputs, SafetensorsFile expected)
    {
        inputs.TryGet("input_ids", out var ids);
        var mask = Mask(inputs);
        var length = (int)ids!.Shape[^1];
        var all = ids.ToIntegers();
        var sequences = Enumerable.Range(0, all.Length / length)
            .Select(row => Enumerable.Range(row * length, length).Where(i => mask[i]).Select(i => (int)all[i]).ToArray())
            .ToList();
        var pixels = inputs.TryGet("pixel_values", out var values) ? values.ToSingles() : [];
        return new GoldenCase(
            sequences, pixels, [.. expected.Tensors.Where(t => !Inputs.Contains(t.Name)).Select(t => GoldenTensor.Read(t, t.Name, mask))])
        {
            GridIds = inputs.TryGet("aspect_ratio_ids", out var grids) ? [.. grids.ToIntegers().Select(id => (int)id)] : [],
        };
    }

    private static bool[] Mask(SafetensorsFile inputs)
    {
        inputs.TryGet("input_ids", out var ids);
        return inputs.TryGet("attention_mask", out var mask)
            ? [.. mask.ToIntegers().Select(m => m != 0)]
            : [.. Enumerable.Repeat(true, (int)ids!.Count)];
    }
}

/// <summary>A recorded tensor.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Values">Its numbers, padded positions removed.</param>
internal sealed record GoldenTensor(string Name, float[] Values)
{
    /// <param name="entry">The stored tensor.</param>
    /// <param name="name">The name to give it.</param>
    /// <param name="mask">Which of the batch's B * T positions hold tokens.</param>
    public static GoldenTensor Read(TensorEntry entry, string name, bool[] mask)
    {
        var values = entry.Type is TensorType.I64 or TensorType.I32
            ? [.. entry.ToIntegers().Select(v => (float)v)]
            : entry.ToSingles();
        if (name == "vision.patch_embedding" && entry.Shape is [var tiles, var channels, var high, var wide])
        {
            return new GoldenTensor(name, ChannelsLast(values, (int)tiles, (int)channels, (int)(high * wide)));
        }

        var perToken = name.StartsWith("hidden.", StringComparison.Ordinal)
            || name.StartsWith("logits", StringComparison.Ordinal)
            || name.StartsWith("router_logits", StringComparison.Ordinal);
        if (!perToken || values.Length % mask.Length != 0)
        {
            return new GoldenTensor(name, values);
        }

        var columns = values.Length / mask.Length;
        return new GoldenTensor(name, [.. values.Chunk(columns).Where((_, position) => mask[position]).SelectMany(row => row)]);
    }

    /// <summary>The output of a convolution [tiles, channels, places] as rows of patches [tiles * places, channels].</summary>
    private static float[] ChannelsLast(float[] values, int tiles, int channels, int places)
    {
        var result = new float[values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            var (rest, channel) = Math.DivRem(i, channels);
            var (tile, place) = Math.DivRem(rest, places);
            result[i] = values[(((tile * channels) + channel) * places) + place];
        }

        return result;
    }
}
