namespace GuardSharp.Lab.Training.Vision;

/// <summary>How the vision encoder is trained once the decoder knows text: first it learns to read, then to judge.</summary>
internal sealed record VisionConfig
{
    /// <summary>preprocessor_config.json of the model: how pictures become tiles.</summary>
    public required string Preprocessor { get; init; }

    /// <summary>Languages whose texts are typeset; of scripts that stand letter by letter.</summary>
    public IReadOnlyList<string> Languages { get; init; } = ["en", "de", "fr", "es", "it", "pt"];

    /// <summary>Learning to read.</summary>
    public ReadingConfig Reading { get; init; } = new();

    /// <summary>Learning to judge.</summary>
    public JudgingConfig Judging { get; init; } = new();
}

/// <summary>The first stage: letters and tokens of typeset text, without any verdict.</summary>
internal sealed record ReadingConfig
{
    /// <summary>Tiles seen in all.</summary>
    public int Tiles { get; init; } = 90_000;

    /// <summary>Tiles of a batch, at least.</summary>
    public int BatchTiles { get; init; } = 16;

    /// <summary>Highest learning rate.</summary>
    public double LearningRate { get; init; } = 2e-3;

    /// <summary>Share of pictures that are tiles full of small text; the others are laid out like pictures people make.</summary>
    public double Dense { get; init; } = 0.8;
}

/// <summary>The second stage: verdicts on pictures, beside text rows that keep the decoder what it is.</summary>
internal sealed record JudgingConfig
{
    /// <summary>Pictures seen in all.</summary>
    public int Pictures { get; init; } = 16_000;

    /// <summary>Pictures of a batch.</summary>
    public int BatchPictures { get; init; } = 10;

    /// <summary>Text rows of a batch.</summary>
    public int BatchTexts { get; init; } = 20;

    /// <summary>Share of pictures that hold no text and are safe.</summary>
    public double Drawings { get; init; } = 0.08;

    /// <summary>Highest learning rate of the vision encoder.</summary>
    public double LearningRate { get; init; } = 8e-4;

    /// <summary>Highest learning rate of the decoder; its embedding stays as it is.</summary>
    public double DecoderLearningRate { get; init; } = 2e-4;

    /// <summary>Weight of the reading loss, which goes on.</summary>
    public double Reading { get; init; } = 0.3;

    /// <summary>Share of the text model's own verdict in the target of a picture; of a text it is the whole target.</summary>
    public double Teacher { get; init; } = 0.5;

    /// <summary>Longest text that becomes a picture, in characters.</summary>
    public int MaxCharacters { get; init; } = 300;
}
