using System.Text.Json;
using System.Text.Json.Serialization;
using GuardSharp.Evaluation.Augmentation;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Datasets.Blending;

/// <summary>Which rows make a training set, and in which proportions. Read from a JSON file; paths are relative to the working directory.</summary>
internal sealed record BlendConfig
{
    /// <summary>The files of rows.</summary>
    public required IReadOnlyList<string> Files { get; init; }

    /// <summary>Rows that nothing may stand near: development and test sets.</summary>
    public IReadOnlyList<string> Against { get; init; } = [];

    /// <summary>Share of common character 8-grams from which two rows are nearly the same; 0: rows are not compared.</summary>
    public double NearDuplicate { get; init; } = 0.7;

    /// <summary>Rows that stay out for what they say about themselves.</summary>
    public BlendExclusion Exclude { get; init; } = new();

    /// <summary>How the rows of a source, language, verdict and task are capped; the first rule that fits counts.</summary>
    public IReadOnlyList<MixtureRule> Mixture { get; init; } = [];

    /// <summary>Proportions between kinds of rows after the caps; a row belongs to the first kind that fits, and rows of no kind all stay.</summary>
    public IReadOnlyList<RatioRule> Ratios { get; init; } = [];

    /// <summary>The part of the rows that is kept for development; null: none.</summary>
    public DevelopmentSplit? Development { get; init; }

    /// <summary>Rates of a preview of augmented policies. Rows are written as they are: policies are drawn anew in every epoch of training.</summary>
    public AugmentationRates? Augment { get; init; }

    /// <summary>Seed of everything that is drawn.</summary>
    public int Seed { get; init; } = 1;

    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
    };

    /// <summary>Reads a configuration.</summary>
    /// <exception cref="SampleFileException">The file is missing, holds an unknown or wrong key, or a number out of range.</exception>
    public static BlendConfig Read(string path)
    {
        try
        {
            var config = JsonSerializer.Deserialize<BlendConfig>(File.ReadAllBytes(path), Options) ?? throw new JsonException("it holds null.");
            config.Check();
            return config;
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException or GuardException)
        {
            throw new SampleFileException($"{path}: not a configuration of a blend: {error.Message} docs/data.md shows one.", error);
        }
    }

    private void Check()
    {
        Require(Files.Count > 0, "files is empty; name at least one.");
        Require(NearDuplicate is >= 0 and <= 1, "nearDuplicate must be from 0 to 1.");
        Require(NearDuplicate > 0 || Against.Count == 0, "against compares rows, and nearDuplicate 0 compares nothing.");
        Require(Mixture.All(rule => rule is { Rows: >= 0, Repeat: >= 1 }), "a rule of the mixture has rows below 0 or a repeat below 1.");
        Require(Ratios.All(rule => rule.Part > 0 && double.IsFinite(rule.Part)), "a part of the ratios must be above 0.");
        Require(Ratios.Count != 1, "one ratio has nothing to stand against; give two kinds or none.");
        Require(Development is null or { Share: > 0 and < 1 }, "the share of development rows must be above 0 and below 1.");
        // Otherwise the same text could stand on both sides.
        Require(Development is null || NearDuplicate > 0, "development rows need nearDuplicate above 0.");
        Augment?.Check();
    }

    private static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw new GuardException(message);
        }
    }
}

/// <summary>Rows that stay out. Each list names exact values; a row that one of them fits is dropped.</summary>
internal sealed record BlendExclusion
{
    /// <summary>Models whose texts stay out, such as <c>llama-2</c>.</summary>
    public IReadOnlyList<string> WrittenBy { get; init; } = [];

    /// <summary>Licences that stay out, such as <c>share-alike</c>; <c>unknown</c>: rows that name none.</summary>
    public IReadOnlyList<string> Licence { get; init; } = [];

    /// <summary>Sources that stay out.</summary>
    public IReadOnlyList<string> Source { get; init; } = [];

    /// <summary>Languages that stay out.</summary>
    public IReadOnlyList<string> Language { get; init; } = [];

    /// <summary>Whether rows with a derived label stay out.</summary>
    public bool WeakLabels { get; init; }

    /// <summary>Why a row stays out, or null.</summary>
    public string? ReasonFor(DataRow row) =>
        row.WrittenBy is { } writer && WrittenBy.Contains(writer) ? $"written by {writer}"
        : Licence.Contains(row.Licence ?? "unknown") ? $"licence {row.Licence ?? "unknown"}"
        : Source.Contains(row.Source) ? "source excluded"
        : Language.Contains(row.Language) ? $"language {row.Language}"
        : WeakLabels && row.WeakLabel ? "weak label"
        : null;
}

/// <summary>One kind of rows and its part of the whole, such as text alone 3 against pictures 1.</summary>
/// <param name="Part">Its part; only the relation to the other parts counts.</param>
/// <param name="Source">The source; null: any.</param>
/// <param name="Language">The language; null: any.</param>
/// <param name="Unsafe">The verdict; null: any.</param>
/// <param name="Images">Whether there are pictures; null: either.</param>
/// <param name="Response">Whether a response is judged; null: either.</param>
internal sealed record RatioRule(double Part, string? Source = null, string? Language = null, bool? Unsafe = null, bool? Images = null, bool? Response = null)
{
    /// <summary>Whether a row is of this kind.</summary>
    public bool Fits(DataRow row) =>
        (Source ?? row.Source) == row.Source && (Language ?? row.Language) == row.Language && (Unsafe ?? row.Unsafe) == row.Unsafe
        && (Images ?? row.Pictures.Count > 0) == row.Pictures.Count > 0 && (Response ?? row.IsResponse) == row.IsResponse;
}

/// <summary>Which rows are kept for development. A row's side depends on its id and the seed alone, so new rows move no old one.</summary>
/// <param name="Share">Expected share, above 0 and below 1.</param>
internal sealed record DevelopmentSplit(double Share)
{
    /// <summary>Sources whose ids end in a colon and the name of the meaning: translations of one text stay on one side.</summary>
    public IReadOnlyList<string> Together { get; init; } = [];
}
