using System.Collections.Concurrent;
using GuardSharp.Checkpoints;
using GuardSharp.Engine;
using GuardSharp.Imaging;
using GuardSharp.Models;
using GuardSharp.Models.Llama4;
using GuardSharp.Policies;
using GuardSharp.Prompts;
using GuardSharp.Tensors.Cpu;
using GuardSharp.Tokenization;

namespace GuardSharp;

/// <summary>A model folder, open: everything a classifier needs of it.</summary>
internal sealed class LoadedModel : IDisposable
{
    // A KV cache of 8,192 tokens of Llama Guard 4 is 3.2 GB in float32; more has to be asked for.
    private const int DefaultContextTokens = 8192;

    // Policies come from configuration, so there are few; a caller that makes one per request must not fill the memory.
    private const int MaxGrammars = 256;

    private readonly Checkpoint _checkpoint;
    private readonly ConcurrentDictionary<string, AnswerGrammar> _grammars = new();

    private LoadedModel(string folder, GuardOptions options, EngineOptions engine, Checkpoint checkpoint)
    {
        _checkpoint = checkpoint;
        Manifest = GuardManifest.Read(folder);
        // Hashing runs beside everything else that loading does.
        var digest = Task.Run(() => checkpoint.Digest.Short);

        var config = Llama4Config.Read(folder);
        Variant = PromptVariants.Of(folder, Manifest, options.PromptVariant);
        var tokenizer = TokenizerFile.Load(folder);
        Encoder = new PromptEncoder(tokenizer, config.Vision?.TokensPerTile ?? 0);
        CheckTokens(folder, config, tokenizer);
        Images = config.Vision is { } vision ? new Llama4ImageProcessor(Llama4ImageSettingsFile.Read(folder, vision.ImageSize)) : null;
        MaxContextTokens = Math.Min(options.MaxContextTokens ?? DefaultContextTokens, config.Text.MaxPositions);
        StopIds = StopIdsOf(folder, config);
        Warnings = Manifest?.Synthetic == true ? ["synthetic-weights: this model's weights are random; its verdicts mean nothing"] : [];

        // Loading is synchronous and the hash runs on a pool thread that waits for nobody.
        Name = $"{Manifest?.Name ?? new DirectoryInfo(folder).Name}@{digest.GetAwaiter().GetResult()}";
        var ops = new CpuOps(options.Threads);
        var network = Bind(ops, checkpoint, config);
        var tiles = config.ImageTokens is { } tokens ? new TileTokens(tokens.Patch, config.Vision!.ImageSize) : TileTokens.None;
        Engine = new GuardEngine(ops, network, tiles, engine);
    }

    public GuardManifest? Manifest { get; }

    public PromptVariant Variant { get; }

    public PromptEncoder Encoder { get; }

    /// <summary>Makes tiles of pictures; null when the model takes text alone.</summary>
    public Llama4ImageProcessor? Images { get; }

    public GuardEngine Engine { get; }

    public int MaxContextTokens { get; }

    /// <summary>Tokens that end an answer.</summary>
    public IReadOnlyList<int> StopIds { get; }

    /// <summary>The model's name, an at sign and 12 hexadecimal digits of its weights' SHA-256; a tilde before them when only samples of large files were hashed.</summary>
    public string Name { get; }

    /// <summary>What every verdict of this model must say.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>The answers this model may give to a prompt, as token ids.</summary>
    public AnswerGrammar Grammar(RenderedPrompt prompt)
    {
        if (_grammars.Count >= MaxGrammars)
        {
            _grammars.Clear();
        }

        // The codes themselves are the key: a policy's version is a short hash, and a tenant must never get another's codes.
        return _grammars.GetOrAdd(
            string.Join(',', prompt.Policy.Categories.Select(c => c.Code)), _ => AnswerGrammar.Compile(prompt.Policy, prompt.AnswerPrefix, Encoder.Encode, [.. StopIds]));
    }

    /// <summary>Opens a model folder.</summary>
    /// <exception cref="CheckpointException">The folder holds no model that can be run; the message names file and cause.</exception>
    public static LoadedModel Open(string folder, GuardOptions options, EngineOptions? engine = null)
    {
        var checkpoint = Checkpoint.Open(folder);
        try
        {
            return new LoadedModel(folder, options, engine ?? new EngineOptions { QueueCapacity = options.QueueCapacity }, checkpoint);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Engine.Dispose();
        _checkpoint.Dispose();
    }

    private static Llama4Network Bind(CpuOps ops, Checkpoint checkpoint, Llama4Config config)
    {
        try
        {
            var weights = new CheckpointWeights(checkpoint);
            var network = new Llama4Network(ops, weights, config);
            weights.RequireAllUsed();
            return network;
        }
        catch
        {
            // The backend has threads that would outlive a model that could not be loaded.
            ops.Dispose();
            throw;
        }
    }

    private int[] StopIdsOf(string folder, Llama4Config config)
    {
        // The templates end an answer with <|eot|>; the configured ids end one as well.
        return [.. GenerationConfig.EndIds(folder, config.Text).Append(Encoder.Special("<|eot|>")).Distinct()];
    }

    private void CheckTokens(string folder, Llama4Config config, BpeTokenizer tokenizer)
    {
        if (tokenizer.VocabularySize > config.Text.VocabularySize)
        {
            throw new CheckpointException(
                $"{folder}: the tokenizer has {tokenizer.VocabularySize} ids but config.json says vocab_size {config.Text.VocabularySize}. Are they from the same checkpoint?");
        }

        if (config.ImageTokens is { } tokens && Encoder.Special("<|patch|>") != tokens.Patch)
        {
            throw new CheckpointException(
                $"{folder}: <|patch|> is {Encoder.Special("<|patch|>")} in the tokenizer but image_token_index is {tokens.Patch} in config.json. Are they from the same checkpoint?");
        }
    }
}
