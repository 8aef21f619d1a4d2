using System.CommandLine;
using System.Globalization;
using GuardSharp.Hub;
using GuardSharp.Models;
using GuardSharp.Policies;
using GuardSharp.Prompts;
using GuardSharp.Tensors;

namespace GuardSharp.CommandLine;

/// <summary>The options that say which model judges, and how.</summary>
/// <param name="backend">Options that choose what computes; null: the CPU backend.</param>
internal sealed class ModelOptions(IBackendOptions? backend = null)
{
    private readonly Option<string?> _model = new("--model") { Description = "Folder of the model, a GGUF file, or OWNER/NAME of a downloaded one. Default: guardsharp-tiny beside the program.", HelpName = "DIR" };
    private readonly Option<string?> _adapter = Adapter();
    private readonly Option<int> _threads = new("--threads") { Description = "Threads of the matrix kernels. Default: all cores the process may use.", HelpName = "N" };
    private readonly Option<string?> _keyValues = KeyValues();
    private readonly Option<string?> _variant = new("--prompt-variant") { Description = "Wording of the prompt, such as huggingface or guard3vision (docs/prompts.md). Default: what the model's folder says.", HelpName = "NAME" };
    private readonly Option<string?> _maskedRows = new("--masked-rows") { Description = "What text before a picture does in Llama Guard 3 Vision: huggingface or meta (docs/models.md). Default: huggingface.", HelpName = "NAME" };
    private readonly Option<string?> _imageLimit = new("--image-limit") { Description = "What more images than the model takes are: error, or lastonly (the oldest are left out, and a warning counts them). Default: error.", HelpName = "NAME" };
    private readonly Option<string?> _policy = new("--policy") { Description = "Policy file (JSON). Default: all hazard categories the model knows.", HelpName = "FILE" };
    private readonly Option<string?> _threshold = new("--threshold") { Description = "P(unsafe) from which on a verdict is unsafe, 0 to 1. Default: the model's own.", HelpName = "P" };

    private readonly Option<string[]> _categoryThresholds = new("--category-threshold") { Description = "Probability from which on a category is violated, such as S1=0.3. Repeatable; goes before the policy's. Default: the policy's.", HelpName = "CODE=P", Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = false };

    /// <summary>Adds the options of loading a model, and with <paramref name="judging"/> those of judging with it.</summary>
    public ModelOptions AddTo(Command command, bool judging)
    {
        command.Add(_model);
        command.Add(_adapter);
        command.Add(_threads);
        command.Add(_keyValues);
        command.Add(_variant);
        command.Add(_maskedRows);
        if (judging)
        {
            command.Add(_policy);
            command.Add(_threshold);
            command.Add(_categoryThresholds);
            command.Add(_imageLimit);
        }

        backend?.AddTo(command);

        return this;
    }

    /// <summary>The folder that was named, or the default.</summary>
    public string Folder(ParseResult parsed) => FolderOf(parsed.GetValue(_model));

    /// <summary>The folder that a name stands for: a folder, or a repository in the hub's cache; the default for null.</summary>
    /// <exception cref="HubException">The repository is not in the cache.</exception>
    public static string FolderOf(string? name)
    {
        if (name is null)
        {
            return GuardClassifier.DefaultModelFolder;
        }

        // A folder goes before: nothing of the cache may hide what lies here.
        if (Directory.Exists(name) || !IsRepository(name))
        {
            return name;
        }

        return FindInCache(name) ?? throw new HubException(
            $"There is no folder \"{name}\", and no repository of that name in the cache. Download it: guardsharp model download {name}");
    }

    private static string? FindInCache(string name) => new HubCache(HubOptions.FromEnvironment().CacheFolder, RepositoryName.Parse(name)).Find("main");

    // a/b may as well be a mistyped folder; only what looks like nothing else is taken for a repository.
    private static bool IsRepository(string name) => RepositoryName.TryParse(name, out _) && !Directory.Exists(Path.GetDirectoryName(name));

    /// <summary>The policy that was named, or null.</summary>
    public Policy? ReadPolicy(ParseResult parsed) => parsed.GetValue(_policy) is { } path ? Policy.ReadFile(path) : null;

    /// <summary>The wording that was named, or null.</summary>
    public PromptVariant? ReadVariant(ParseResult parsed) => Named<PromptVariant>("--prompt-variant", parsed.GetValue(_variant));

    /// <summary>The wording of a name, or null.</summary>
    public static PromptVariant? Variant(string option, string? name) => Named<PromptVariant>(option, name);

    /// <summary>What images beyond those a model takes are.</summary>
    public ImageLimit ReadImageLimit(ParseResult parsed) => Named<ImageLimit>("--image-limit", parsed.GetValue(_imageLimit)) ?? default;

    /// <summary>What to judge against.</summary>
    public ClassifyOptions ReadClassifyOptions(ParseResult parsed) => new()
    {
        Policy = ReadPolicy(parsed),
        Threshold = ReadThreshold(parsed),
        CategoryThresholds = parsed.GetValue(_categoryThresholds) is { Length: > 0 } pairs ? CategoryThresholds(pairs) : null,
    };

    /// <summary>The threshold that was given, or null.</summary>
    public double? ReadThreshold(ParseResult parsed) => parsed.GetValue(_threshold) is { } text ? Probability("--threshold", text) : null;

    private static Dictionary<string, double> CategoryThresholds(string[] pairs)
    {
        var thresholds = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var pair in pairs)
        {
            if (pair.Split('=') is not [var code, var value])
            {
                throw new GuardException($"--category-threshold is \"{pair}\"; it must be a category and a number above 0 and up to 1, such as S1=0.3.");
            }

            thresholds[code] = Probability("--category-threshold", value);
        }

        return thresholds;
    }

    /// <summary>Loads the model.</summary>
    /// <param name="parsed">The arguments.</param>
    /// <param name="repeatable">Nothing outlives a verdict, so that a verdict does not depend on what was judged before, not even in its last bits.</param>
    public GuardClassifier Load(ParseResult parsed, bool repeatable = false)
    {
        var options = ReadGuardOptions(parsed);
        options = repeatable ? options with { ConversationCacheBytes = 0, ImageCacheBytes = 0 } : options;
        return GuardClassifier.LoadOn(backend?.Read(parsed, options.Threads, options.KeyValues), Folder(parsed), options);
    }

    /// <summary>How to load it.</summary>
    public GuardOptions ReadGuardOptions(ParseResult parsed)
    {
        var threads = parsed.GetValue(_threads);
        if (threads is not (>= 0 and <= 1024))
        {
            throw new GuardException($"--threads is {threads}; it must be from 1 to 1024, or 0 for all cores.");
        }

        return new GuardOptions
        {
            Adapter = parsed.GetValue(_adapter),
            Threads = threads,
            KeyValues = ReadKeyValues(parsed.GetValue(_keyValues)),
            PromptVariant = ReadVariant(parsed),
            MaskedRows = Named<MaskedRows>("--masked-rows", parsed.GetValue(_maskedRows)) ?? default,
            Prompt = new PromptOptions { ImageLimit = ReadImageLimit(parsed) },
        };
    }

    /// <summary>What of the options changes a verdict and is said by neither the guard nor its judging options.</summary>
    public SortedDictionary<string, string> Settings(ParseResult parsed) => new(StringComparer.Ordinal)
    {
        ["imageLimit"] = ReadImageLimit(parsed).ToString(),
        ["keyValues"] = parsed.GetValue(_keyValues) ?? "default",
        ["maskedRows"] = parsed.GetValue(_maskedRows) ?? "default",
    };

    /// <summary>The option that names a LoRA adapter.</summary>
    public static Option<string?> Adapter() => new("--adapter") { Description = "Folder of a LoRA adapter in PEFT's form that is added to the model's weights (docs/adapters.md).", HelpName = "DIR" };

    /// <summary>The option that says how keys and values are kept.</summary>
    public static Option<string?> KeyValues() => new("--kv")
    {
        Description = "How keys and values are kept between passes: f32, f16 or int8 (docs/models.md). Default: f32 where a whole context takes at most 1 GiB so, else f16.",
        HelpName = "TYPE",
    };

    /// <summary>What <see cref="KeyValues"/> says, or null.</summary>
    public static KeyValueType? ReadKeyValues(string? name) => Named<KeyValueType>("--kv", name);

    private static T? Named<T>(string option, string? name)
        where T : struct, Enum
    {
        if (name is null)
        {
            return null;
        }

        foreach (var value in Enum.GetValues<T>())
        {
            if (value.ToString().Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                return value;
            }
        }

        throw new GuardException($"{option} is \"{name}\"; it must be one of {string.Join(", ", Enum.GetNames<T>()).ToLowerInvariant()}.");
    }

    /// <summary>A number from 0 to 1.</summary>
    public static double Probability(string option, string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value is >= 0 and <= 1
            ? value
            : throw new GuardException($"{option} is \"{text}\"; it must be a number from 0 to 1, such as 0.5.");
}
