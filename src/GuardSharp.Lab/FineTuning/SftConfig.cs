using GuardSharp.Evaluation.Augmentation;
using GuardSharp.Lab.Distillation;
using GuardSharp.Lab.FineTuning.Adversarial;

namespace GuardSharp.Lab.FineTuning;

/// <summary>Everything that decides a run of supervised fine-tuning, read from a JSON file (docs/fine-tuning.md). Paths are relative to the working directory.</summary>
internal sealed record SftConfig
{
    /// <summary>The recipe's name in the file.</summary>
    public const string RecipeName = "sft";

    /// <summary>Always <see cref="RecipeName"/>.</summary>
    public string Recipe { get; init; } = RecipeName;

    /// <summary>What the run is for, in words; not read.</summary>
    public string? Description { get; init; }

    /// <summary>The model folder to start from: any checkpoint the library loads, not quantised.</summary>
    public required string Base { get; init; }

    /// <summary>Folder for checkpoints, metrics and the finished models (its subfolders <c>best</c> and <c>last</c>).</summary>
    public required string Output { get; init; }

    /// <summary>Rows to learn from, rows to choose by.</summary>
    public required SftData Data { get; init; }

    /// <summary>Optimiser steps of the whole run.</summary>
    public required int Steps { get; init; }

    /// <summary>Seed of everything that is drawn.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>cpu, cuda or cuda:N.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Threads of torch on a processor; null: as many as it has cores.</summary>
    public int? Threads { get; init; }

    /// <summary>Whether matrix products round their factors to bfloat16; weights, sums, moments and the head stay float32. Null: where the device computes them fast.</summary>
    public bool? BFloat16Products { get; init; }

    /// <summary>Whether activations are computed again on the way back, a layer at a time, instead of being kept: a third more arithmetic for a fraction of the memory.</summary>
    public bool Recompute { get; init; } = true;

    /// <summary>Most tokens of one packed sequence: short rows stand end to end and do not see each other.</summary>
    public int SequenceTokens { get; init; } = 8192;

    /// <summary>Most pictures of one packed sequence; null: as many as its tokens hold. A picture read by cross-attention takes no tokens but much memory.</summary>
    public int? SequenceImages { get; init; }

    /// <summary>Packed sequences of one optimiser step, one after the other.</summary>
    public int Accumulation { get; init; } = 1;

    /// <summary>Tensors that stay as they are, by published name with * for any letters, such as <c>vision_model.*</c>.</summary>
    public IReadOnlyList<string> Freeze { get; init; } = [];

    /// <summary>Trains an adapter beside a base that stays as it is; null: the base itself learns.</summary>
    public SftLora? Lora { get; init; }

    /// <summary>A model whose answers are learned (<c>guardsharp-lab distill</c>); null: the labels of the rows are.</summary>
    public TeacherConfig? Teacher { get; init; }

    /// <summary>Changes the pictures of some rows against the model before they are learned; null: no row is changed.</summary>
    public AdversarialConfig? Adversarial { get; init; }

    /// <summary>The optimiser and its schedule.</summary>
    public SftOptimiser Optimiser { get; init; } = new();

    /// <summary>Judging of the development rows; used where <see cref="SftData.Dev"/> names some.</summary>
    public SftEvaluation Evaluation { get; init; } = new();

    /// <summary>Steps between two checkpoints that a run can go on from; 0: at the end alone.</summary>
    public int CheckpointEvery { get; init; } = 100;
}

/// <summary>AdamW (arXiv:1711.05101) with a linear warm-up, then a constant rate or a cosine.</summary>
internal sealed record SftOptimiser
{
    /// <summary>Highest learning rate.</summary>
    public double LearningRate { get; init; } = 1e-5;

    /// <summary>Steps in which the rate rises.</summary>
    public int WarmUpSteps { get; init; }

    /// <summary>What the rate does afterwards.</summary>
    public RateSchedule Schedule { get; init; } = RateSchedule.Cosine;

    /// <summary>Share of the highest rate that a cosine ends at.</summary>
    public double Floor { get; init; } = 0.1;

    /// <summary>Decay of the mean gradient.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the mean squared gradient.</summary>
    public double Beta2 { get; init; } = 0.95;

    /// <summary>Added to the root of the squares.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Decoupled decay of matrices; vectors (norms, biases, gates) do not decay.</summary>
    public double WeightDecay { get; init; } = 0.1;

    /// <summary>Largest norm of all gradients together; 0: not clipped.</summary>
    public double GradientNorm { get; init; } = 1;
}

/// <summary>What a learning rate does after its warm-up.</summary>
internal enum RateSchedule
{
    /// <summary>It stays.</summary>
    Constant,

    /// <summary>It falls along half a cosine.</summary>
    Cosine,
}

/// <summary>A LoRA adapter (arXiv:2106.09685) in PEFT's folder.</summary>
internal sealed record SftLora
{
    /// <summary>Rank of the change.</summary>
    public int Rank { get; init; } = 16;

    /// <summary>The change is multiplied by alpha / rank.</summary>
    public double Alpha { get; init; } = 32;

    /// <summary>Modules that get a change, by whole names or their last parts, such as <c>q_proj</c>; null: every linear layer but the head.</summary>
    public IReadOnlyList<string>? Targets { get; init; }

    /// <summary>One regular expression over whole names of modules, in place of <see cref="Targets"/>: a last part such as <c>q_proj</c> is one of the vision encoder's as well.</summary>
    public string? Pattern { get; init; }

    /// <summary>Share of a module's inputs that the change does not see, drawn anew each time.</summary>
    public double Dropout { get; init; }
}

/// <summary>The rows of a run.</summary>
internal sealed record SftData
{
    /// <summary>What is learned from; blended by ratio.</summary>
    public required IReadOnlyList<SftSource> Train { get; init; }

    /// <summary>What is judged during the run and never learned from; may be empty.</summary>
    public IReadOnlyList<SftSource> Dev { get; init; } = [];

    /// <summary>True: a row that cannot be used ends the run before its first step. False: such rows are named, counted and left out.</summary>
    public bool Strict { get; init; }

    /// <summary>File of the policy in the prompts; null: the MLCommons hazards that the base knows.</summary>
    public string? Policy { get; init; }

    /// <summary>Whether descriptions of categories stand in the prompts.</summary>
    public bool Descriptions { get; init; }

    /// <summary>Wording of the prompts; null: what the base folder says.</summary>
    public Prompts.PromptVariant? PromptVariant { get; init; }

    /// <summary>Changes of the policy in front of a row, drawn anew each time it is seen.</summary>
    public AugmentationRates Augmentation { get; init; } = new();

    /// <summary>Random tokens in the texts of rows; null: none.</summary>
    public TokenNoiseRates? TokenNoise { get; init; }

    /// <summary>Whether rows without a picture get an empty one: how Llama Guard 3 Vision learned from text (arXiv:2411.10414).</summary>
    public bool DummyImage { get; init; }
}

/// <summary>A file of rows and its part in the blend.</summary>
internal sealed record SftSource
{
    /// <summary>JSON Lines in the schema of docs/evaluation.md, plain or gzip; paths of pictures are relative to its folder.</summary>
    public required string File { get; init; }

    /// <summary>Rows seen of it against rows seen of the others; null: as many as it has.</summary>
    public double? Ratio { get; init; }

    /// <summary>Most rows of one pass through it, drawn anew for each; null: all.</summary>
    public int? Cap { get; init; }

    /// <summary>Fewest pictures of a row; rows with fewer belong to another source.</summary>
    public int MinImages { get; init; }

    /// <summary>Most pictures of a row; null: any number.</summary>
    public int? MaxImages { get; init; }
}

/// <summary>How the development rows choose.</summary>
internal sealed record SftEvaluation
{
    /// <summary>Steps between two evaluations; 0: at the end alone.</summary>
    public int Every { get; init; } = 100;

    /// <summary>Most rows of each source, drawn once by the seed; null: all.</summary>
    public int? Rows { get; init; }

    /// <summary>What the best model is best at.</summary>
    public DevMeasure Measure { get; init; } = DevMeasure.Loss;

    /// <summary>Evaluations without a better value after which the run ends; 0: never.</summary>
    public int Patience { get; init; }
}

/// <summary>Measures of the development rows.</summary>
internal enum DevMeasure
{
    /// <summary>Mean loss of an answer token; smaller is better.</summary>
    Loss,

    /// <summary>AUROC of P(unsafe).</summary>
    Auroc,

    /// <summary>F1 at 0.5.</summary>
    F1,
}
