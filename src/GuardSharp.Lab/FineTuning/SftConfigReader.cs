using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using GuardSharp.Checkpoints.Adapters;
using GuardSharp.Lab.Training;

namespace GuardSharp.Lab.FineTuning;

/// <summary>Reads a configuration, with values set on the command line, and checks it before anything is loaded.</summary>
internal static class SftConfigReader
{
    private static readonly JsonSerializerOptions _options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Converters = { new JsonStringEnumConverter(allowIntegerValues: false) },
    };

    private static readonly JsonDocumentOptions _documents = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, AllowDuplicateProperties = false };

    /// <summary>The recipe that a configuration names; null where it names none.</summary>
    /// <exception cref="TrainingException">The file is missing or no JSON object.</exception>
    public static string? RecipeOf(string path) => Parse(path)["recipe"] is { } recipe
        ? recipe.GetValueKind() == JsonValueKind.String ? recipe.GetValue<string>() : recipe.ToJsonString()
        : null;

    /// <summary>Reads a configuration.</summary>
    /// <param name="path">The file.</param>
    /// <param name="settings">Values that replace the file's, as <c>key=value</c>; keys of inner objects behind a dot, places in lists as numbers: <c>data.train.0.file=rows.jsonl</c>.</param>
    /// <exception cref="TrainingException">The file is missing, or holds an unknown key or a wrong value.</exception>
    public static SftConfig Read(string path, IEnumerable<string> settings)
    {
        var root = Parse(path);
        foreach (var setting in settings)
        {
            Set(root, setting);
        }

        try
        {
            var config = root.Deserialize<SftConfig>(_options) ?? throw new TrainingException($"{path}: the file holds null, not a training configuration.");
            Check(path, config);
            return config;
        }
        catch (JsonException error)
        {
            throw new TrainingException($"{path}: not a configuration of the recipe {SftConfig.RecipeName}: {error.Message}", error);
        }
    }

    /// <summary>The configuration as its file holds it.</summary>
    public static string ToJson(SftConfig config) => JsonSerializer.Serialize(config, _options);

    private static JsonObject Parse(string path)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllBytes(path), documentOptions: _documents) as JsonObject
                ?? throw new TrainingException($"{path}: the file holds no JSON object, so no training configuration.");
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new TrainingException($"{path}: not a training configuration: {error.Message}", error);
        }
    }

    private static void Set(JsonObject root, string setting)
    {
        var at = setting.IndexOf('=', StringComparison.Ordinal);
        if (at < 1)
        {
            throw new TrainingException($"--set is \"{setting}\"; it must be KEY=VALUE, such as steps=20 or data.train.0.file=rows.jsonl.");
        }

        JsonNode node = root;
        var keys = setting[..at].Split('.');
        foreach (var key in keys[..^1])
        {
            node = Child(node, key) ?? (node is JsonObject parent
                ? (parent[key] = new JsonObject())
                : throw new TrainingException($"--set {setting[..at]}: there is no entry {key} in that list of the file."));
        }

        var value = Value(setting[(at + 1)..]);
        switch (node)
        {
            case JsonObject parent:
                parent[keys[^1]] = value;
                break;
            case JsonArray list when int.TryParse(keys[^1], NumberStyles.None, CultureInfo.InvariantCulture, out var place) && place <= list.Count:
                if (place < list.Count)
                    list[place] = value;
                else
                    list.Add(value);
                break;
            default:
                throw new TrainingException($"--set {setting[..at]}: {keys[^1]} is no key of what stands there in the file.");
        }
    }

    private static JsonNode? Child(JsonNode node, string key) => node switch
    {
        JsonObject parent => parent[key],
        JsonArray list when int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var place) && place < list.Count => list[place],
        _ => null,
    };

    // A number, true, false, null, a list or an object as JSON writes them; anything else is a text.
    private static JsonNode? Value(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return JsonValue.Create(text);
        }
    }

    private static void Check(string path, SftConfig config)
    {
        var (optimiser, data) = (config.Optimiser, config.Data);
        Require(config.Recipe == SftConfig.RecipeName, "recipe", config.Recipe, SftConfig.RecipeName);
        Require(config.Steps >= 1, "steps", config.Steps, "at least 1");
        Require(config.SequenceTokens >= 1, "sequenceTokens", config.SequenceTokens, "at least 1");
        Require(config.SequenceImages is null or >= 1, "sequenceImages", config.SequenceImages, "at least 1");
        Require(config.Accumulation >= 1, "accumulation", config.Accumulation, "at least 1");
        Require(config.Threads is null or >= 1, "threads", config.Threads, "at least 1");
        Require(config.CheckpointEvery >= 0, "checkpointEvery", config.CheckpointEvery, "0 or more steps");
        Require(config.Evaluation is { Every: >= 0, Patience: >= 0, Rows: null or >= 1 }, "evaluation", "negative", "every and patience from 0 on, rows from 1 on");
        Require(optimiser.LearningRate is > 0 and < 10, "optimiser.learningRate", optimiser.LearningRate, "above 0 and below 10");
        Require(optimiser.WarmUpSteps >= 0 && optimiser.WarmUpSteps <= config.Steps, "optimiser.warmUpSteps", optimiser.WarmUpSteps, $"0 to steps ({config.Steps})");
        Require(optimiser.Floor is >= 0 and <= 1, "optimiser.floor", optimiser.Floor, "0 to 1");
        Require(optimiser.Beta1 is >= 0 and < 1, "optimiser.beta1", optimiser.Beta1, "from 0 to below 1");
        Require(optimiser.Beta2 is >= 0 and < 1, "optimiser.beta2", optimiser.Beta2, "from 0 to below 1");
        Require(optimiser.Epsilon is > 0 and < 1, "optimiser.epsilon", optimiser.Epsilon, "above 0 and below 1");
        Require(optimiser.WeightDecay is >= 0 and <= 1, "optimiser.weightDecay", optimiser.WeightDecay, "0 to 1");
        Require(optimiser.GradientNorm is >= 0 and < double.PositiveInfinity, "optimiser.gradientNorm", optimiser.GradientNorm, "0 (not clipped) or more");
        Require(config.Lora is null or { Rank: >= 1 and <= AdapterConfig.MaxRank }, "lora.rank", config.Lora?.Rank, $"1 to {AdapterConfig.MaxRank}");
        Require(config.Lora is null or { Alpha: > 0 and < double.PositiveInfinity }, "lora.alpha", config.Lora?.Alpha, "above 0");
        Require(config.Lora is null or { Dropout: >= 0 and < 1 }, "lora.dropout", config.Lora?.Dropout, "from 0 to below 1");
        Require(config.Lora?.Targets is null or { Count: > 0 }, "lora.targets", "empty", "at least one module, or null for every linear layer");
        Require(config.Lora is null or { Pattern: null } or { Targets: null }, "lora.targets", "given beside lora.pattern", "one of the two");
        Require(config.Lora?.Pattern is not { } pattern || IsExpression(pattern), "lora.pattern", config.Lora?.Pattern, "a regular expression");
        Require(config.Lora is null || config.Freeze.Count == 0, "freeze", "given beside lora", "nothing: the whole base is frozen then, and lora.targets says what learns");
        Require(config.Teacher?.Temperature is null or (> 0 and <= 100), "teacher.temperature", config.Teacher?.Temperature, "above 0 and up to 100");
        Require(config.Teacher?.LabelShare is null or (>= 0 and <= 1), "teacher.labelShare", config.Teacher?.LabelShare, "0 to 1");
        Require(config.Adversarial?.Epsilon is null or (> 0 and <= 255), "adversarial.epsilon", config.Adversarial?.Epsilon, "above 0 and up to 255, in units of 1/255");
        Require(config.Adversarial?.StepSize is null or (> 0 and <= 255), "adversarial.stepSize", config.Adversarial?.StepSize, "above 0 and up to 255, in units of 1/255");
        Require(config.Adversarial?.Steps is null or (>= 1 and <= 100), "adversarial.steps", config.Adversarial?.Steps, "1 to 100");
        Require(config.Adversarial?.Share is null or (> 0 and <= 1), "adversarial.share", config.Adversarial?.Share, "above 0 and up to 1");
        Require(config.Adversarial is null || config.Teacher is null, "adversarial", "given beside teacher", "one of the two: a teacher would be asked about pictures changed against its student");
        Require(data.Train.Count > 0, "data.train", "empty", "at least one file");
        foreach (var source in data.Train.Concat(data.Dev))
        {
            Require(source.Ratio is null or (> 0 and < double.PositiveInfinity), "ratio", source.Ratio, "above 0");
            Require(source.Cap is null or >= 1, "cap", source.Cap, "at least 1");
            Require(source.MinImages >= 0 && source.MinImages <= (source.MaxImages ?? int.MaxValue), "minImages", source.MinImages, "0 to maxImages");
        }

        // A blend of sources with and without ratio would compare shares with counts.
        Require(data.Train.All(source => source.Ratio is null) || data.Train.All(source => source.Ratio is not null), "ratio", "given for some files of data.train", "given for all of them or none");
        data.Augmentation.Check();
        Require(data.TokenNoise is null or { Share: >= 0 and <= 1 }, "data.tokenNoise.share", data.TokenNoise?.Share, "0 to 1");
        Require(data.TokenNoise is null or { Tokens: >= 1 and <= 1024 }, "data.tokenNoise.tokens", data.TokenNoise?.Tokens, "1 to 1024");
        Require(data.TokenNoise is null or { Replaced: >= 0 and < 1 }, "data.tokenNoise.replaced", data.TokenNoise?.Replaced, "from 0 to below 1");

        void Require(bool isRight, string key, object? seen, string allowed)
        {
            if (!isRight)
            {
                throw new TrainingException(string.Create(CultureInfo.InvariantCulture, $"{path}: \"{key}\" is {seen}; allowed is {allowed}."));
            }
        }
    }

    private static bool IsExpression(string pattern)
    {
        try
        {
            return new Regex(pattern, RegexOptions.CultureInvariant) is not null;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
