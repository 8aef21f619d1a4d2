using GuardSharp.Checkpoints;
using GuardSharp.Engine;
using GuardSharp.Imaging;
using GuardSharp.Prompts;

namespace GuardSharp;

/// <summary>What a guard must know of an architecture beside its network (<see cref="Models.GuardNetworks"/>) and its sizes (<see cref="IModelConfig"/>).</summary>
internal sealed record ModelFamily
{
    /// <summary>The wording of the prompt where nothing in the folder says.</summary>
    public required PromptVariant DefaultVariant { get; init; }

    /// <summary>How pictures enter; null: the model takes text alone.</summary>
    public ImageInput? Images { get; init; }

    /// <summary>The family of a model.</summary>
    /// <param name="config">The model's configuration.</param>
    /// <exception cref="CheckpointException">There is none of this architecture.</exception>
    public static ModelFamily Of(IModelConfig config) => config switch
    {
        Llama4Config llama4 => Llama4(llama4),
        // Of the published ones only the 1B has a tied head, or one that was pruned.
        LlamaConfig llama => new ModelFamily { DefaultVariant = llama.TieWordEmbeddings || llama.OutputTokens is not null ? PromptVariant.Guard3Small : PromptVariant.Guard3 },
        MllamaConfig mllama => Mllama(mllama),
        _ => throw new CheckpointException($"{ModelConfig.FileName}: this version can describe the architecture {config.Architecture}, but not judge with it."),
    };

    private static ModelFamily Llama4(Llama4Config config) => new()
    {
        DefaultVariant = PromptVariant.HuggingFace,
        Images = config is { Vision: { } vision, ImageTokens: { } tokens }
            ? new ImageInput(
                folder => new Llama4ImageProcessor(Llama4ImageSettingsFile.Read(folder, vision.ImageSize)),
                new TileMarkup(vision.TokensPerTile),
                new TileTokens(tokens.Patch, vision.ImageSize),
                MaxImages: 5)
            : null,
    };

    private static ModelFamily Mllama(MllamaConfig config) => new()
    {
        DefaultVariant = PromptVariant.Guard3Vision,
        Images = new ImageInput(
            folder => new MllamaImageProcessor(MllamaImageSettingsFile.Read(folder, config.Vision.ImageSize, config.Vision.MaxTiles)),
            new SingleTokenMarkup(),
            new TileTokens(config.ImageToken, config.Vision.ImageSize),
            // The model card: prompts with more than one image were not trained.
            MaxImages: 1),
    };
}

/// <summary>How pictures enter a model.</summary>
/// <param name="Processor">Makes the processor, given the model folder.</param>
/// <param name="Markup">How a picture stands in the ids.</param>
/// <param name="Tokens">What the engine has to know.</param>
/// <param name="MaxImages">Most pictures of a conversation where nothing in the folder says.</param>
internal sealed record ImageInput(Func<string, IImageProcessor> Processor, IImageMarkup Markup, TileTokens Tokens, int MaxImages);
