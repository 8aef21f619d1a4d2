using System.Text.Json;
using System.Text.RegularExpressions;

namespace GuardSharp.Checkpoints.Adapters;

/// <summary>adapter_config.json of a LoRA adapter (arXiv:2106.09685), as PEFT writes and reads it.</summary>
/// <remarks>A module is a tensor's published name without <c>.weight</c>, such as <c>model.layers.0.self_attn.q_proj</c>.</remarks>
internal sealed record AdapterConfig
{
    /// <summary>The file's name.</summary>
    public const string FileName = "adapter_config.json";

    /// <summary>What <c>target_modules</c> says for every linear layer but the output head.</summary>
    public const string AllLinear = "all-linear";

    /// <summary>Largest rank that is read: no layer in sight is as wide.</summary>
    public const int MaxRank = 1 << 16;

    // Last parts of the names of linear layers. Embeddings, heads, convolutions and experts (which are one tensor) are none.
    private static readonly string[] _linear =
        ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "fc1", "fc2", "linear", "linear_1", "router", "multi_modal_projector"];

    /// <summary>r: rows of A, columns of B.</summary>
    public required int Rank { get; init; }

    /// <summary>lora_alpha: the change is multiplied by <see cref="Alpha"/> / <see cref="Rank"/>.</summary>
    public required double Alpha { get; init; }

    /// <summary>use_rslora: the divisor is the square root of the rank (arXiv:2312.03732).</summary>
    public bool RankStabilised { get; init; }

    /// <summary>target_modules: whole names of modules or their last parts; null: every linear layer, or what <see cref="Pattern"/> says.</summary>
    public IReadOnlyList<string>? Targets { get; init; }

    /// <summary>target_modules as one regular expression over whole names; null: <see cref="Targets"/> counts.</summary>
    public string? Pattern { get; init; }

    /// <summary>lora_dropout: share of a module's inputs that training leaves out of the adapter's path, in [0, 1).</summary>
    public double Dropout { get; init; }

    /// <summary>base_model_name_or_path: what the adapter was trained on, in words.</summary>
    public string? BaseModel { get; init; }

    /// <summary>W = base + Scale * B A.</summary>
    public float Scale => (float)(Alpha / (RankStabilised ? Math.Sqrt(Rank) : Rank));

    /// <summary>Whether <c>target_modules</c> names a module.</summary>
    public bool Covers(string module)
    {
        if (Pattern is not null)
        {
            return Regex.IsMatch(module, $"^(?:{Pattern})$", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        }

        return Targets is null
            ? _linear.Contains(module[(module.LastIndexOf('.') + 1)..])
            : Targets.Any(target => module == target || module.EndsWith($".{target}", StringComparison.Ordinal));
    }

    /// <summary>Reads the file of an adapter's folder.</summary>
    /// <exception cref="CheckpointException">The file cannot be read, or asks for a kind of adapter that is not supported; names the key.</exception>
    public static AdapterConfig Read(string folder) => JsonSection.ReadFile(Path.Combine(folder, FileName), AdapterConfigReader.Read);

    /// <summary>Writes the file into a folder, by way of a temporary file.</summary>
    /// <exception cref="CheckpointException">It cannot be written.</exception>
    public void Write(string folder) => ReplacedFile.Write(Path.Combine(folder, FileName), stream =>
    {
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            Write(json);
        }

        stream.WriteByte((byte)'\n');
    });

    private void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("base_model_name_or_path", BaseModel);
        json.WriteString("bias", "none");
        json.WriteBoolean("fan_in_fan_out", false);
        json.WriteBoolean("inference_mode", true);
        json.WriteBoolean("init_lora_weights", true);
        json.WriteNumber("lora_alpha", Alpha);
        json.WriteNumber("lora_dropout", Dropout);
        json.WriteNull("modules_to_save");
        json.WriteString("peft_type", "LORA");
        json.WriteNumber("r", Rank);
        if (Targets is null)
        {
            json.WriteString("target_modules", Pattern ?? AllLinear);
        }
        else
        {
            json.WriteStartArray("target_modules");
            foreach (var target in Targets)
            {
                json.WriteStringValue(target);
            }

            json.WriteEndArray();
        }

        json.WriteString("task_type", "CAUSAL_LM");
        json.WriteBoolean("use_dora", false);
        json.WriteBoolean("use_rslora", RankStabilised);
        json.WriteEndObject();
    }
}
