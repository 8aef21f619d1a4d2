using System.Globalization;
using GuardSharp.Checkpoints;
using GuardSharp.Policies;
using GuardSharp.Prompts;

namespace GuardSharp.Cli.Output;

/// <summary>What a model folder says about its model.</summary>
internal sealed record ModelCard
{
    private const long MiB = 1 << 20;

    /// <summary>The folder.</summary>
    public required string Folder { get; init; }

    /// <summary>Name and version, or the folder's name.</summary>
    public required string Name { get; init; }

    /// <summary>Hash of the weights.</summary>
    public required string Sha256 { get; init; }

    /// <summary>config.json.</summary>
    public required IModelConfig Config { get; init; }

    /// <summary>guardsharp.json; null: there is none.</summary>
    public required GuardManifest? Manifest { get; init; }

    /// <summary>Wording of the prompt; null: nothing in the folder says.</summary>
    public required PromptVariant? Variant { get; init; }

    /// <summary>Numbers in the weights.</summary>
    public required long Parameters { get; init; }

    /// <summary>Size of the weights' files.</summary>
    public required long WeightBytes { get; init; }

    /// <summary>How numbers are stored, the most frequent first.</summary>
    public required IReadOnlyList<string> Types { get; init; }

    /// <summary>Reads a folder: configuration, headers of the weights and, where the manifest records none, their hash.</summary>
    /// <exception cref="CheckpointException">The folder holds no model.</exception>
    public static ModelCard Read(string folder)
    {
        using var checkpoint = Checkpoint.Open(folder);
        var manifest = GuardManifest.Read(folder);
        return new ModelCard
        {
            Folder = folder,
            Name = manifest is null ? new DirectoryInfo(folder).Name : $"{manifest.Name} {manifest.Version}",
            Sha256 = checkpoint.Sha256,
            Config = ModelConfig.Read(folder),
            Manifest = manifest,
            Variant = FindVariant(folder, manifest),
            Parameters = checkpoint.Tensors.Sum(tensor => tensor.Count),
            WeightBytes = checkpoint.Files.Sum(file => file.Bytes),
            Types = [.. checkpoint.Tensors.GroupBy(tensor => tensor.Type).OrderByDescending(group => group.Sum(tensor => tensor.Count)).Select(group => group.Key.FileName())],
        };
    }

    /// <summary>The card as lines for a person.</summary>
    public IEnumerable<(string Name, string Value)> Lines()
    {
        var text = Config.Dimensions;
        yield return ("model", Name);
        yield return ("folder", Path.GetFullPath(Folder));
        yield return ("weights", Invariant($"{Parameters:N0} parameters, {(double)WeightBytes / MiB:F1} MiB, {string.Join(" ", Types)}"));
        yield return ("sha256", Sha256);
        yield return ("text", Invariant($"{text.Layers} layers of {text.HiddenSize}, {text.Heads} heads, {text.KeyHeads} key heads of {text.HeadSize}, vocabulary {text.VocabularySize:N0}{(text.Experts > 0 ? Invariant($", {text.Experts} experts") : "")}"));
        yield return ("context", Invariant($"{text.MaxPositions:N0} tokens"));
        yield return ("images", (text.Vision, Manifest?.MaxImages) switch
        {
            (null, _) => "none, text alone",
            (_, 0) => "none: the model has an encoder but was not trained on images",
            var (vision, most) => Invariant($"tiles of {vision.TileSize} pixels, {vision.TokensPerTile} tokens each, {vision.Layers} layers of {vision.HiddenSize}{(most is null ? "" : Invariant($", at most {most} images"))}"),
        });
        yield return ("prompt", Variant?.ToString() ?? "unknown: name one with --prompt-variant");
        yield return ("categories", Manifest is null ? "S1 to S14 (no guardsharp.json)" : string.Join(" ", Manifest.Codes));
        if (Manifest is { } manifest)
        {
            yield return ("policies", $"{(manifest.NarrowedPolicies ? "narrowed" : "whole")}, custom categories {(manifest.CustomCategories ? "yes" : "no")}");
            yield return ("languages", string.Join(" ", manifest.Languages));
            yield return ("threshold", Invariant($"{manifest.Threshold}"));
            yield return ("licence", manifest.Licence ?? "not said");
        }

        if (Config.UnknownKeys.Count > 0)
        {
            yield return ("unknown keys", string.Join(" ", Config.UnknownKeys) + " (they change nothing)");
        }
    }

    /// <summary>The card as one JSON document.</summary>
    public void WriteJson(TextWriter output) => JsonOutput.Write(output, json =>
    {
        json.WriteNumber("schema", 1);
        json.WriteString("name", Name);
        json.WriteString("sha256", Sha256);
        json.WriteNumber("parameters", Parameters);
        json.WriteNumber("bytes", WeightBytes);
        json.WriteTexts("types", Types);
        json.WriteNumber("layers", Config.Dimensions.Layers);
        json.WriteNumber("hiddenSize", Config.Dimensions.HiddenSize);
        json.WriteNumber("vocabularySize", Config.Dimensions.VocabularySize);
        json.WriteNumber("experts", Config.Dimensions.Experts);
        json.WriteNumber("maxContextTokens", Config.Dimensions.MaxPositions);
        json.WriteNumber("tileSize", Config.Dimensions.Vision?.TileSize ?? 0);
        json.WriteNumber("tokensPerTile", Config.Dimensions.Vision?.TokensPerTile ?? 0);
        json.WriteNumber("maxImages", Manifest?.MaxImages ?? (Config.Dimensions.Vision is null ? 0 : 5));
        json.WriteString("promptVariant", Variant?.ToString());
        json.WriteTexts("codes", Manifest?.Codes ?? [.. Policy.MlCommons.Categories.Select(category => category.Code)]);
        json.WriteTexts("languages", Manifest?.Languages ?? []);
        json.WriteNumber("threshold", Manifest?.Threshold ?? 0.5);
        json.WriteString("licence", Manifest?.Licence);
    });

    // A folder whose prompt nobody knows is still worth describing.
    private static PromptVariant? FindVariant(string folder, GuardManifest? manifest)
    {
        try
        {
            return PromptVariants.Of(folder, manifest, named: null);
        }
        catch (CheckpointException)
        {
            return null;
        }
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
