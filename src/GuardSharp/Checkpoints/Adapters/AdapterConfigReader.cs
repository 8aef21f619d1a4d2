using System.Text.Json;
using System.Text.RegularExpressions;

namespace GuardSharp.Checkpoints.Adapters;

/// <summary>Reads adapter_config.json. A key that changes the mathematics has a value that is implemented, or is an error.</summary>
internal static class AdapterConfigReader
{
    private const double MaxAlpha = 1 << 20;

    // Other kinds of adapters, which come with keys of their own. Nothing, false and what is empty mean they are not used.
    private static readonly (string Key, string Meaning)[] _refused =
    [
        ("use_dora", "DoRA scales rows by a vector of its own"),
        ("use_qalora", "QALoRA pools its inputs"),
        ("lora_bias", "biases of an adapter are not applied"),
        ("modules_to_save", "modules that were trained in full are not replaced"),
        ("rank_pattern", "one rank for all modules is supported"),
        ("alpha_pattern", "one alpha for all modules is supported"),
        ("target_parameters", "adapters of bare tensors, such as experts, are not applied"),
        ("trainable_token_indices", "trained rows of the embedding are not replaced"),
        ("layer_replication", "layers are not repeated"),
        ("alora_invocation_tokens", "an adapter works on every token or not at all"),
        ("arrow_config", "adapters are not chosen by their input"),
    ];

    // Ways of starting that change the base as well: the adapter fits a base that is not the published one.
    private static readonly string[] _changingStarts = ["pissa", "olora", "loftq", "corda"];

    /// <summary>Reads the root object.</summary>
    public static AdapterConfig Read(JsonSection root)
    {
        if ((root.Text("peft_type") ?? throw root.Missing("peft_type", "\"LORA\"")) is not "LORA" and var type)
        {
            throw root.Error("peft_type", $"\"{Printable.Of(type)}\"", "only \"LORA\" is supported");
        }

        root.Require("task_type", "CAUSAL_LM");
        root.Require("bias", "none");
        root.RequireFalse("fan_in_fan_out");
        foreach (var (key, meaning) in _refused)
        {
            Refuse(root, key, meaning);
        }

        CheckStart(root);
        root.Ignore(
            "auto_mapping", "corda_config", "ensure_weight_tying", "eva_config", "exclude_modules", "inference_mode", "layers_pattern", "layers_to_transform",
            "loftq_config", "megatron_config", "megatron_core", "peft_version", "qalora_group_size", "revision", "runtime_config");
        var config = WithTargets(root, new AdapterConfig
        {
            Rank = root.Int("r", 1, AdapterConfig.MaxRank),
            Alpha = root.Number("lora_alpha", 0, MaxAlpha),
            Dropout = root.OptionalNumber("lora_dropout", 0, 1) ?? 0,
            RankStabilised = root.Flag("use_rslora") ?? false,
            BaseModel = root.Text("base_model_name_or_path"),
        });
        foreach (var key in root.UnknownKeys().ToArray())
        {
            Refuse(root, key, "this version does not know what it changes");
        }

        return config;
    }

    private static AdapterConfig WithTargets(JsonSection root, AdapterConfig config)
    {
        if (!root.TryGet("target_modules", out var targets))
        {
            throw root.Missing("target_modules", $"a list of modules, \"{AdapterConfig.AllLinear}\" or a regular expression");
        }

        if (targets.ValueKind != JsonValueKind.String)
        {
            return root.Texts("target_modules") is { Length: > 0 } listed
                ? config with { Targets = listed }
                : throw root.Error("target_modules", "an empty list", "at least one module is needed");
        }

        var pattern = targets.GetString()!;
        if (pattern == AdapterConfig.AllLinear)
        {
            return config;
        }

        try
        {
            config = config with { Pattern = pattern };
            config.Covers("");
            return config;
        }
        catch (Exception error) when (error is ArgumentException or RegexMatchTimeoutException)
        {
            throw root.Error("target_modules", $"\"{Printable.Of(pattern)}\"", $"a text must be \"{AdapterConfig.AllLinear}\" or a regular expression");
        }
    }

    private static void CheckStart(JsonSection root)
    {
        if (root.TryGet("init_lora_weights", out var start) && start.ValueKind == JsonValueKind.String && start.GetString() is { } name
            && Array.Exists(_changingStarts, changing => name.StartsWith(changing, StringComparison.OrdinalIgnoreCase)))
        {
            throw root.Error(
                "init_lora_weights", $"\"{Printable.Of(name)}\"", "such an adapter was trained on a changed base; convert it (PEFT: save_pretrained with path_initial_model_for_weight_conversion)");
        }
    }

    private static void Refuse(JsonSection root, string key, string meaning)
    {
        if (root.TryGet(key, out var value) && !IsNothing(value))
        {
            throw root.Error(key, Printable.Of(value.GetRawText()), $"only null, false or an empty value is supported: {meaning}");
        }
    }

    private static bool IsNothing(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.False => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        JsonValueKind.String => value.GetString()!.Length == 0,
        _ => false,
    };
}
