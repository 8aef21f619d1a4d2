using System.Text;
using System.Text.Json;
using GuardSharp.Checkpoints.Gguf;

namespace GuardSharp.Checkpoints;

/// <summary>guardsharp.json: what a model can follow. Published checkpoints have none; then the reader of their generation decides.</summary>
internal sealed record GuardManifest
{
    /// <summary>The file's name.</summary>
    public const string FileName = "guardsharp.json";

    // The layout this version writes and reads.
    private const int Schema = 1;

    // Far above any vocabulary; the network compares with its own.
    private const int MaxToken = 1 << 24;

    /// <summary>The model's name in verdicts.</summary>
    public required string Name { get; init; }

    /// <summary>The model's version.</summary>
    public required string Version { get; init; }

    /// <summary>Codes of the hazard categories the model was trained on, such as S1.</summary>
    public required IReadOnlyList<string> Codes { get; init; }

    /// <summary>Whether a policy may hold categories of its own.</summary>
    public bool CustomCategories { get; init; }

    /// <summary>Whether a policy may leave categories out.</summary>
    public bool NarrowedPolicies { get; init; }

    /// <summary>Languages the model was trained on, as ISO 639-1 codes.</summary>
    public IReadOnlyList<string> Languages { get; init; } = [];

    /// <summary>Most images of a conversation; 0: the model takes text alone.</summary>
    public int MaxImages { get; init; }

    /// <summary>Name of the prompt variant; null: the chat template decides.</summary>
    public string? PromptVariant { get; init; }

    /// <summary>u from which on a verdict is unsafe, in [0, 1].</summary>
    public double Threshold { get; init; } = 0.5;

    /// <summary>Divisor of the logit difference that u is computed from (calibration); 1 changes nothing.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>SHA-256 of the weights as <see cref="WeightsDigest"/> defines it, 64 hexadecimal digits; null: not recorded.</summary>
    public string? WeightsSha256 { get; init; }

    /// <summary>Whether the model was trained on synthetic data.</summary>
    public bool Synthetic { get; init; }

    /// <summary>
    /// The tokens of a pruned output layer, in the order of the rows of <c>lm_head.weight</c> (which has as many); null: every token has its row.
    /// The logits are expanded back, a token that is not in the list being impossible.
    /// </summary>
    public IReadOnlyList<int>? OutputTokens { get; init; }

    /// <summary>Licence of the weights (SPDX expression or name).</summary>
    public string? Licence { get; init; }

    /// <summary>Reads the manifest of a model folder; null when there is none.</summary>
    /// <exception cref="CheckpointException">The file is damaged, or holds a key or value that is not allowed.</exception>
    public static GuardManifest? Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (File.Exists(path))
        {
            return JsonSection.ReadFile(path, Read);
        }

        if (GgufFile.Find(folder) is not { } gguf)
        {
            return null;
        }

        using var file = GgufFile.Open(gguf);
        return file.Text(GgufMetadata.Manifest) is { } text ? JsonSection.Parse($"{file.FileName}: {GgufMetadata.Manifest}", Encoding.UTF8.GetBytes(text), Read) : null;
    }

    /// <summary>Reads the root object.</summary>
    internal static GuardManifest Read(JsonSection root)
    {
        root.Int("schema", Schema, Schema);
        var manifest = new GuardManifest
        {
            Name = root.Text("name") ?? throw root.Missing("name", "a text"),
            Version = root.Text("version") ?? throw root.Missing("version", "a text"),
            Codes = root.Texts("codes") is { Length: > 0 } codes ? codes : throw root.Missing("codes", "a list of at least one code, such as \"S1\""),
            CustomCategories = root.Flag("customCategories") ?? false,
            NarrowedPolicies = root.Flag("narrowedPolicies") ?? false,
            Languages = root.Texts("languages") ?? [],
            MaxImages = root.OptionalInt("maxImages", 0, 1000) ?? 0,
            PromptVariant = root.Text("promptVariant"),
            Threshold = root.OptionalNumber("threshold", 0, 1) ?? 0.5,
            Temperature = root.OptionalNumber("temperature", 0.01, 100) ?? 1,
            WeightsSha256 = root.Text("weightsSha256"),
            Synthetic = root.Flag("synthetic") ?? false,
            OutputTokens = root.Ints("outputTokens", 0, MaxToken),
            Licence = root.Text("licence"),
        };
        return Check(root, manifest);
    }

    /// <summary>Writes the manifest into a model folder, by way of a temporary file.</summary>
    public void Write(string folder) => ReplacedFile.Write(Path.Combine(folder, FileName), stream => stream.Write(Encoding.UTF8.GetBytes(ToJson())));

    /// <summary>The manifest as its file holds it.</summary>
    public string ToJson()
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            Write(writer);
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length) + "\n";
    }

    private static GuardManifest Check(JsonSection root, GuardManifest manifest)
    {
        // This file is ours: an unknown key is a slip of the pen, and a threshold that is silently not read would be worse than an error.
        if (root.UnknownKeys().FirstOrDefault() is { } key)
        {
            throw new CheckpointException($"{FileName}: the key \"{key}\" is unknown. Correct or remove it, or use a newer version of GuardSharp.");
        }

        if (manifest.Codes.Distinct().Count() != manifest.Codes.Count)
        {
            throw root.Error("codes", $"\"{Printable.Of(string.Join(", ", manifest.Codes))}\"", "every code may stand once only");
        }

        if (manifest.OutputTokens is { } tokens && (tokens.Count == 0 || tokens.Distinct().Count() != tokens.Count))
        {
            throw root.Error("outputTokens", $"a list of {tokens.Count} with repeats or nothing in it", "at least one token is needed, each once");
        }

        return manifest.WeightsSha256 is null || (manifest.WeightsSha256.Length == 64 && manifest.WeightsSha256.All(char.IsAsciiHexDigitLower))
            ? manifest
            : throw root.Error("weightsSha256", $"\"{Printable.Of(manifest.WeightsSha256)}\"", "64 hexadecimal digits in lower case are allowed");
    }

    private void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteNumber("schema", Schema);
        writer.WriteString("name", Name);
        writer.WriteString("version", Version);
        WriteTexts(writer, "codes", Codes);
        writer.WriteBoolean("customCategories", CustomCategories);
        writer.WriteBoolean("narrowedPolicies", NarrowedPolicies);
        WriteTexts(writer, "languages", Languages);
        writer.WriteNumber("maxImages", MaxImages);
        writer.WriteString("promptVariant", PromptVariant);
        writer.WriteNumber("threshold", Threshold);
        writer.WriteNumber("temperature", Temperature);
        writer.WriteString("weightsSha256", WeightsSha256);
        writer.WriteBoolean("synthetic", Synthetic);
        if (OutputTokens is not null)
        {
            writer.WriteStartArray("outputTokens");
            foreach (var token in OutputTokens)
            {
                writer.WriteNumberValue(token);
            }

            writer.WriteEndArray();
        }

        writer.WriteString("licence", Licence);
        writer.WriteEndObject();
    }

    private static void WriteTexts(Utf8JsonWriter writer, string key, IReadOnlyList<string> texts)
    {
        writer.WriteStartArray(key);
        foreach (var text in texts)
        {
            writer.WriteStringValue(text);
        }

        writer.WriteEndArray();
    }
}
