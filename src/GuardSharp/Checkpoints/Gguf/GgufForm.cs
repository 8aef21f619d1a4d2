namespace GuardSharp.Checkpoints.Gguf;

/// <summary>How the matrices of a GGUF file are written.</summary>
/// <param name="Type">F32, F16, Q8_0 or Q4_0.</param>
/// <param name="Pure">Q4_0 holds the output head as well; otherwise that is Q8_0, since its errors reach the answer unmixed.</param>
internal sealed record GgufForm(TensorType Type, bool Pure = false)
{
    /// <summary>The names of the forms on the command line.</summary>
    public static IReadOnlyList<string> Names { get; } = ["f32", "f16", "q8_0", "q4_0"];

    /// <summary>The number of the form in general.file_type (llama.cpp, enum llama_ftype).</summary>
    public int FileType => Type switch
    {
        TensorType.F32 => 0,
        TensorType.F16 => 1,
        TensorType.Q40 => 2,
        _ => 7,
    };

    /// <summary>The form that a name stands for, or null.</summary>
    public static TensorType? Parse(string name) => name switch
    {
        "f32" => TensorType.F32,
        "f16" => TensorType.F16,
        "q8_0" => TensorType.Q80,
        "q4_0" => TensorType.Q40,
        _ => null,
    };

    /// <summary>The type of one tensor.</summary>
    /// <param name="entry">The tensor.</param>
    /// <param name="config">The model: whether the embedding is the head.</param>
    public TensorType TypeOf(TensorEntry entry, LlamaConfig config)
    {
        if (entry.Shape.Length == 1)
        {
            return TensorType.F32;
        }

        var isHead = entry.Name == (config.TieWordEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight");
        var type = Type == TensorType.Q40 && isHead && !Pure ? TensorType.Q80 : Type;
        return entry.Shape[^1] % type.BlockSize() == 0 ? type : TensorType.F16;
    }
}
