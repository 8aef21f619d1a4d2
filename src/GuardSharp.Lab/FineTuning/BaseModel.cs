using GuardSharp.Checkpoints;
using GuardSharp.Engine;
using GuardSharp.Imaging;
using GuardSharp.Policies;
using GuardSharp.Prompts;

namespace GuardSharp.Lab.FineTuning;

/// <summary>The folder a run starts from: weights, and everything that makes rows to ids and pixels as inference does.</summary>
internal sealed class BaseModel : IDisposable
{
    private BaseModel(string folder, PromptVariant? variant, Checkpoint checkpoint)
    {
        (Folder, Checkpoint) = (folder, checkpoint);
        Config = ModelConfig.Read(folder);
        Manifest = GuardManifest.Read(folder);
        Variant = PromptVariants.Of(folder, Manifest, variant);
        var images = ModelFamily.Of(Config).Images;
        Encoder = new PromptEncoder(ModelTokenizer.Load(folder), images?.Markup);
        Images = images?.Processor(folder);
        Tokens = images?.Tokens ?? TileTokens.None;
        MaxImages = images is null ? 0 : Manifest?.MaxImages ?? images.MaxImages;
        EndToken = Encoder.Special(PromptBuilder.EndTagOf(Variant));
    }

    /// <summary>The folder.</summary>
    public string Folder { get; }

    /// <summary>Its weights.</summary>
    public Checkpoint Checkpoint { get; }

    /// <summary>Its configuration.</summary>
    public IModelConfig Config { get; }

    /// <summary>guardsharp.json; null where there is none.</summary>
    public GuardManifest? Manifest { get; }

    /// <summary>Wording of its prompts.</summary>
    public PromptVariant Variant { get; }

    /// <summary>Prompts to ids.</summary>
    public PromptEncoder Encoder { get; }

    /// <summary>Makes tiles of pictures; null when the model takes text alone.</summary>
    public IImageProcessor? Images { get; }

    /// <summary>Where pictures stand in the ids.</summary>
    public TileTokens Tokens { get; }

    /// <summary>Most pictures of a row.</summary>
    public int MaxImages { get; }

    /// <summary>The token that ends an answer.</summary>
    public int EndToken { get; }

    /// <summary>The policy of rows where the configuration names none: the MLCommons hazards that the model knows.</summary>
    public Policy DefaultPolicy
    {
        get
        {
            var codes = Manifest?.Codes ?? PromptBuilder.CodesOf(Variant);
            return Policy.MlCommons.Only([.. Policy.MlCommons.Categories.Select(category => category.Code).Where(codes.Contains)]);
        }
    }

    /// <summary>Opens a model folder.</summary>
    /// <exception cref="CheckpointException">It holds no model that can be trained.</exception>
    public static BaseModel Open(string folder, PromptVariant? variant)
    {
        var checkpoint = Checkpoint.Open(folder);
        try
        {
            return new BaseModel(folder, variant, checkpoint);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Checkpoint.Dispose();
}
