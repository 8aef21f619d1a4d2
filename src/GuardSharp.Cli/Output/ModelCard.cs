using System.Globalization;
using System.Text.Json;
using GuardSharp.Checkpoints;
using GuardSharp.CommandLine;
using GuardSharp.Policies;
using GuardSharp.Prompts;
using GuardSharp.Tokenization;

namespace GuardSharp.Cli.Output;

/// <summary>What a model folder says about its model: the summary of its files, and how a guard would read them.</summary>
internal sealed record ModelCard
{
    // Enough to see what is wrong; a folder of another model lacks hundreds.
    private const int ShownProblems = 8;

    /// <summary>Configuration, weights, manifest.</summary>
    public required ModelSummary Summary { get; init; }

    /// <summary>Wording of the prompt; null: nothing in the folder says.</summary>
    public required PromptVariant? Variant { get; init; }

    /// <summary>The tokenizer's file and its number of tokens; null: there is none that can be read.</summary>
    public required (string File, int Tokens)? Tokenizer { get; init; }

    /// <summary>What does not fit. Empty: the folder is sound.</summary>
    public required IReadOnlyList<string> Problems { get; init; }

    private string Name => Summary.Manifest is { } manifest ? $"{manifest.Name} {manifest.Version}" : ModelConfig.NameOf(Summary.Folder);

    /// <summary>Reads a folder: configuration, tokenizer, headers of the weights, and their hash.</summary>
    /// <param name="folder">The model folder.</param>
    /// <param name="fullHash">Hash all bytes, however many.</param>
    /// <exception cref="CheckpointException">The folder holds no model.</exception>
    public static ModelCard Read(string folder, bool fullHash)
    {
        var summary = ModelSummary.Read(folder, fullHash);
        var problems = new List<string>(summary.Problems);
        return new ModelCard
        {
            Summary = summary,
            Variant = Try(problems, () => (PromptVariant?)PromptVariants.Of(folder, summary.Manifest, named: null)),
            Tokenizer = Try(problems, () => ReadTokenizer(folder, summary.Config, problems)),
            Problems = problems,
        };
    }

    /// <summary>The card as lines for a person.</summary>
    public IEnumerable<(string Name, string Value)> Lines()
    {
        var (sizes, manifest) = (Summary.Config.Dimensions, Summary.Manifest);
        yield return ("model", Name);
        yield return ("folder", Path.GetFullPath(Summary.Folder));
        yield return ("architecture", $"{Summary.Config.Architecture}{(sizes.Experts > 0 ? Invariant($", mixture of {sizes.Experts} experts") : "")}");
        yield return ("weights", Invariant($"{Summary.Parameters:N0} parameters, {DiskSpace.Show(Summary.FileBytes)}, {string.Join(" ", Types())}"));
        yield return ("sha256", Summary.Digest.Hex + (Summary.Digest.IsSample ? " (of a sample; --full-hash reads all)" : ""));
        yield return ("memory", $"{string.Join(", ", Summary.Memory.Select(memory => $"{memory.Precision} {DiskSpace.Show(memory.Bytes)}"))}; KV cache {string.Join(", ", KeysAndValues().Select(kept => Invariant($"{kept.Type} {kept.Bytes / 1000.0:F1} kB")))} a token");
        if (Summary.Quantisation is { } record)
        {
            yield return ("quantised", Invariant($"{record.Scheme} from {record.Source}{(record.SourceWeights is { } source ? $"@{source.Short}" : "")}, groups of {record.Group}, activations per {(record.ActivationsPerToken ? "token" : "block")}; relative error {record.Error:F4}, worst {record.Worst.Error:F4} in {record.Worst.Name}"));
        }

        yield return ("text", Invariant($"{sizes.Layers} layers of {sizes.HiddenSize}, {sizes.Heads} heads, {sizes.KeyHeads} key heads of {sizes.HeadSize}, vocabulary {sizes.VocabularySize:N0}"));
        yield return ("context", Invariant($"{sizes.MaxPositions:N0} tokens{(sizes.ChunkSize is { } chunk ? Invariant($", attention in chunks of {chunk:N0}") : "")}"));
        yield return ("images", Images(sizes.Vision, manifest?.MaxImages));
        yield return ("tokenizer", Tokenizer is { } tokenizer ? Invariant($"{tokenizer.File}, {tokenizer.Tokens:N0} tokens") : "none");
        yield return ("prompt", Variant?.ToString() ?? "unknown: name one with --prompt-variant");
        yield return ("categories", manifest is null ? $"{string.Join(" ", Codes())} (no guardsharp.json)" : string.Join(" ", manifest.Codes));
        if (manifest is not null)
        {
            yield return ("policies", $"{(manifest.NarrowedPolicies ? "narrowed" : "whole")}, custom categories {(manifest.CustomCategories ? "yes" : "no")}");
            yield return ("languages", manifest.Languages.Count > 0 ? string.Join(" ", manifest.Languages) : "not said");
            yield return ("threshold", Invariant($"{manifest.Threshold}"));
            yield return ("licence", manifest.Licence ?? "not said");
        }

        foreach (var warning in Summary.Warnings)
        {
            yield return ("note", warning);
        }

        foreach (var problem in Problems.Take(ShownProblems))
        {
            yield return ("PROBLEM", problem);
        }

        if (Problems.Count > ShownProblems)
        {
            yield return ("PROBLEM", $"and {Problems.Count - ShownProblems} more; --json lists them all");
        }
    }

    private IReadOnlyList<(string Type, long Bytes)> KeysAndValues() => MemoryEstimate.PerToken(Summary.Config);

    /// <summary>The card as one JSON document.</summary>
    public void WriteJson(TextWriter output) => JsonOutput.Write(output, json =>
    {
        var (sizes, manifest) = (Summary.Config.Dimensions, Summary.Manifest);
        json.WriteNumber("schema", 1);
        json.WriteString("name", Name);
        json.WriteString("folder", Path.GetFullPath(Summary.Folder));
        json.WriteString("architecture", Summary.Config.Architecture);
        json.WriteString("sha256", Summary.Digest.Hex);
        json.WriteBoolean("sha256IsSample", Summary.Digest.IsSample);
        json.WriteNumber("parameters", Summary.Parameters);
        json.WriteNumber("bytes", Summary.FileBytes);
        json.WriteTexts("types", Types());
        json.WriteStartObject("memoryBytes");
        foreach (var (precision, bytes) in Summary.Memory)
        {
            json.WriteNumber(precision, bytes);
        }

        json.WriteNumber("kvCachePerToken", KeysAndValues()[0].Bytes);
        json.WriteStartObject("kvCachePerTokenByType");
        foreach (var (type, bytes) in KeysAndValues())
        {
            json.WriteNumber(type, bytes);
        }

        json.WriteEndObject();
        json.WriteEndObject();
        WriteQuantisation(json);
        json.WriteNumber("layers", sizes.Layers);
        json.WriteNumber("hiddenSize", sizes.HiddenSize);
        json.WriteNumber("heads", sizes.Heads);
        json.WriteNumber("keyHeads", sizes.KeyHeads);
        json.WriteNumber("headSize", sizes.HeadSize);
        json.WriteNumber("vocabularySize", sizes.VocabularySize);
        json.WriteNumber("experts", sizes.Experts);
        json.WriteNumber("maxContextTokens", sizes.MaxPositions);
        json.WriteNumber("visionLayers", sizes.Vision?.Layers ?? 0);
        json.WriteNumber("visionHiddenSize", sizes.Vision?.HiddenSize ?? 0);
        json.WriteNumber("tileSize", sizes.Vision?.TileSize ?? 0);
        json.WriteNumber("tokensPerTile", sizes.Vision?.TokensPerTile ?? 0);
        json.WriteNumber("maxImages", manifest?.MaxImages ?? DefaultImages());
        json.WriteString("tokenizer", Tokenizer?.File);
        json.WriteNumber("tokenizerTokens", Tokenizer?.Tokens ?? 0);
        json.WriteString("promptVariant", Variant?.ToString());
        json.WriteTexts("codes", Codes());
        json.WriteTexts("languages", manifest?.Languages ?? []);
        json.WriteNumber("threshold", manifest?.Threshold ?? 0.5);
        json.WriteBoolean("synthetic", manifest?.Synthetic ?? false);
        json.WriteString("licence", manifest?.Licence);
        json.WriteTexts("warnings", Summary.Warnings);
        json.WriteTexts("problems", Problems);
    });

    private void WriteQuantisation(Utf8JsonWriter json)
    {
        if (Summary.Quantisation is not { } record)
        {
            json.WriteNull("quantisation");
            return;
        }

        json.WriteStartObject("quantisation");
        json.WriteString("scheme", record.Scheme);
        json.WriteNumber("group", record.Group);
        json.WriteString("activations", record.ActivationsPerToken ? "token" : "block");
        json.WriteString("source", record.Source);
        json.WriteString("sourceSha256", record.SourceWeights?.Hex);
        json.WriteNumber("relativeError", record.Error);
        json.WriteString("worstTensor", record.Worst.Name);
        json.WriteNumber("worstRelativeError", record.Worst.Error);
        json.WriteEndObject();
    }

    private static (string File, int Tokens)? ReadTokenizer(string folder, IModelConfig config, List<string> problems)
    {
        var tokens = ModelTokenizer.Load(folder).VocabularySize;
        if (tokens > config.Dimensions.InputIds)
        {
            problems.Add(Invariant($"the tokenizer has {tokens} ids, but {ModelConfig.FileName} has room for {config.Dimensions.InputIds}"));
        }

        // The order in which the loader looks.
        string[] names = [TokenizerFile.HuggingFaceName, TokenizerFile.TiktokenName];
        return (names.FirstOrDefault(name => File.Exists(Path.Combine(folder, name))) ?? "in the GGUF file", tokens);
    }

    // A folder that lacks something is still worth describing.
    private static T? Try<T>(List<string> problems, Func<T?> read)
    {
        try
        {
            return read();
        }
        catch (CheckpointException error)
        {
            problems.Add(error.Message);
            return default;
        }
    }

    private static string Images(VisionDimensions? vision, int? most) => (vision, most) switch
    {
        (null, _) => "none, text alone",
        (_, 0) => "none: the model has an encoder but was not trained on images",
        _ => Invariant($"tiles of {vision.TileSize} pixels, {(vision.TokensPerTile > 0 ? Invariant($"{vision.TokensPerTile} tokens each") : "read by cross-attention")}, {vision.Layers} layers of {vision.HiddenSize}{(most is null ? "" : Invariant($", at most {most} a conversation"))}"),
    };

    private IEnumerable<string> Types() => Summary.Types.Select(type => type.Type);

    private IReadOnlyList<string> Codes() => Summary.Manifest?.Codes
        ?? (Variant is { } variant ? PromptBuilder.CodesOf(variant) : [.. Policy.MlCommons.Categories.Select(category => category.Code)]);

    private int DefaultImages()
    {
        try
        {
            return ModelFamily.Of(Summary.Config).Images?.MaxImages ?? 0;
        }
        catch (CheckpointException)
        {
            return 0;
        }
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
