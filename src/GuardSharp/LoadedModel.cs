using System.Collections.Concurrent;
using GuardSharp.Checkpoints;
using GuardSharp.Checkpoints.Adapters;
using GuardSharp.Engine;
using GuardSharp.Imaging;
using GuardSharp.Models;
using GuardSharp.Policies;
using GuardSharp.Prompts;
using GuardSharp.Tensors;
using GuardSharp.Tensors.Cpu;
using GuardSharp.Tokenization;

namespace GuardSharp;

/// <summary>A model folder, open: everything a classifier needs of it.</summary>
internal sealed class LoadedModel : IDisposable
{
    // A KV cache of 8,192 tokens of Llama Guard 4 is 1.6 GB in half precision; more has to be asked for.
    private const int DefaultContextTokens = 8192;

    // Single precision loses nothing; beyond this a cache of one whole context is kept in half, unless asked otherwise (docs/decisions/0017-kv-cache.md).
    private const long MaxSingleContextBytes = 1L << 30;

    // Policies come from configuration, so there are few; a caller that makes one per request must not fill the memory.
    private const int MaxGrammars = 256;

    private readonly Checkpoint _checkpoint;
    private readonly Adapter? _adapter;
    private readonly IReadOnlySet<int>? _outputs;
    private readonly ConcurrentDictionary<string, AnswerGrammar> _grammars = new();

    private LoadedModel(string folder, GuardOptions options, EngineOptions engine, Checkpoint checkpoint, Adapter? adapter, Func<KeyValueType, TensorBackend> backend)
    {
        (_checkpoint, _adapter) = (checkpoint, adapter);
        Manifest = GuardManifest.Read(folder);
        // Hashing runs beside everything else that loading does.
        var digest = Task.Run(() => checkpoint.Digest);

        var config = ModelConfig.Read(folder);
        var family = ModelFamily.Of(config);
        Variant = PromptVariants.Of(folder, Manifest, options.PromptVariant);
        var tokenizer = ModelTokenizer.Load(folder);
        Encoder = new PromptEncoder(tokenizer, family.Images?.Markup);
        CheckTokens(folder, config, family.Images, tokenizer);
        Images = family.Images?.Processor(folder);
        MaxImages = family.Images?.MaxImages ?? 0;
        _outputs = config.Dimensions.OutputTokens;
        MaxContextTokens = Math.Min(options.MaxContextTokens ?? DefaultContextTokens, config.Dimensions.MaxPositions);
        StopIds = StopIdsOf(folder, config);

        // Loading is synchronous and the hash runs on a pool thread that waits for nobody.
        Name = NameOf(Manifest?.Name ?? ModelConfig.NameOf(folder), digest.GetAwaiter().GetResult());
        var keyValues = options.KeyValues ?? KeyValuesFor(config, MaxContextTokens);
        var (ops, network) = Bind(backend(keyValues), checkpoint, adapter, config, options.MaskedRows);
        Engine = new GuardEngine(ops, network, family.Images?.Tokens ?? TileTokens.None, engine with { Name = Name });
    }

    public GuardManifest? Manifest { get; }

    public PromptVariant Variant { get; }

    public PromptEncoder Encoder { get; }

    /// <summary>Makes tiles of pictures; null when the model takes text alone.</summary>
    public IImageProcessor? Images { get; }

    /// <summary>Most pictures of a conversation where neither manifest nor options say.</summary>
    public int MaxImages { get; }

    public GuardEngine Engine { get; }

    public int MaxContextTokens { get; }

    /// <summary>Tokens that end an answer.</summary>
    public IReadOnlyList<int> StopIds { get; }

    /// <summary>The model's name, with an adapter a plus sign and its name, an at sign and 12 hexadecimal digits of the weights' SHA-256; a tilde before them when only samples of large files were hashed.</summary>
    public string Name { get; }

    /// <summary>What every verdict of this model must say.</summary>
    public IEnumerable<string> Warnings =>
    [
        .. Manifest?.Synthetic == true ? ["synthetic-weights: this model's weights are random; its verdicts mean nothing"] : Array.Empty<string>(),
        .. Engine.FailedKernels.Select(kernel => $"kernel-fallback: the {kernel} kernel computes wrong on this processor; a slower one is used"),
    ];

    /// <summary>The answers this model may give to a prompt, as token ids.</summary>
    public AnswerGrammar Grammar(RenderedPrompt prompt)
    {
        if (_grammars.Count >= MaxGrammars)
        {
            _grammars.Clear();
        }

        // The codes themselves are the key: a policy's version is a short hash, and a tenant must never get another's codes.
        return _grammars.GetOrAdd(string.Join(',', prompt.Policy.Categories.Select(c => c.Code)), _ => Compile(prompt));
    }

    /// <summary>Opens a model folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="options">Threads and limits.</param>
    /// <param name="engine">Limits of the engine; null: the defaults.</param>
    /// <param name="backend">What computes; null: the CPU backend with the threads and the type of keys and values of <paramref name="options"/>.</param>
    /// <exception cref="CheckpointException">The folder holds no model that can be run; the message names file and cause.</exception>
    public static LoadedModel Open(string folder, GuardOptions options, EngineOptions? engine = null, TensorBackend? backend = null)
    {
        var checkpoint = Checkpoint.Open(folder);
        Adapter? adapter = null;
        try
        {
            adapter = options.Adapter is { } path ? Adapter.Open(path) : null;
            // Compiling what is checked takes longer than the check: it runs beside the reading of configuration and tokenizer.
            // Loading is synchronous; the task waits for nobody, so waiting for it here cannot hang.
            var kernels = backend is null ? Task.Run(KernelChoice.ForThisMachine) : null;
            TensorBackend Backend(KeyValueType keyValues) =>
                backend ?? (weights => (new CpuOps(options.Threads, kernels!.GetAwaiter().GetResult(), keyValues), weights));
            return new LoadedModel(folder, options, engine ?? EngineOptionsFor(options, checkpoint), checkpoint, adapter, Backend);
        }
        catch
        {
            adapter?.Dispose();
            checkpoint.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Engine.Dispose();
        _adapter?.Dispose();
        _checkpoint.Dispose();
    }

    private static EngineOptions EngineOptionsFor(GuardOptions options, Checkpoint checkpoint)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.QueueCapacity, 1, nameof(options.QueueCapacity));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxQueuedTokens ?? 1, 1, nameof(options.MaxQueuedTokens));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.MaxQueueWaitSeconds ?? 1, nameof(options.MaxQueueWaitSeconds));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxBatchTokens, 64, nameof(options.MaxBatchTokens));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.MaxBatchTokens, 65_536, nameof(options.MaxBatchTokens));
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxBatchWaitMilliseconds, nameof(options.MaxBatchWaitMilliseconds));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.MaxBatchWaitMilliseconds, 1000, nameof(options.MaxBatchWaitMilliseconds));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.CacheIdleSeconds, 1, nameof(options.CacheIdleSeconds));
        ArgumentOutOfRangeException.ThrowIfNegative(options.ConversationCacheBytes ?? 0, nameof(options.ConversationCacheBytes));
        ArgumentOutOfRangeException.ThrowIfNegative(options.ImageCacheBytes ?? 0, nameof(options.ImageCacheBytes));

        // Caches that nobody asked for must not be large beside the model itself.
        var quarter = checkpoint.Tensors.Sum(tensor => tensor.Bytes) / 4;
        return new EngineOptions
        {
            QueueCapacity = options.QueueCapacity,
            MaxQueuedTokens = options.MaxQueuedTokens,
            MaxQueueWait = options.MaxQueueWaitSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            MaxBatchTokens = options.MaxBatchTokens,
            MaxBatchWait = TimeSpan.FromMilliseconds(options.MaxBatchWaitMilliseconds),
            ConversationCacheBytes = options.ConversationCacheBytes ?? Math.Min(quarter, 256L << 20),
            ImageCacheBytes = options.ImageCacheBytes ?? Math.Min(quarter, 512L << 20),
            CacheIdleTime = TimeSpan.FromSeconds(options.CacheIdleSeconds),
        };
    }

    /// <summary>How keys and values are kept where nobody says.</summary>
    internal static KeyValueType KeyValuesFor(IModelConfig config, int contextTokens) =>
        MemoryEstimate.PerToken(config)[0].Bytes * contextTokens <= MaxSingleContextBytes ? KeyValueType.F32 : KeyValueType.F16;

    private AnswerGrammar Compile(RenderedPrompt prompt)
    {
        var grammar = AnswerGrammar.Compile(prompt.Policy, prompt.AnswerPrefix, Encoder.Encode, [.. StopIds]);
        if (_outputs is null)
        {
            return grammar;
        }

        if (!_outputs.Contains(grammar.SafeToken) || !_outputs.Contains(grammar.UnsafeToken) || !StopIds.Any(_outputs.Contains))
        {
            throw new CheckpointException(
                $"{GuardManifest.FileName}: \"outputTokens\" lacks the tokens of \"safe\" ({grammar.SafeToken}), \"unsafe\" ({grammar.UnsafeToken}) or every end of an answer ({string.Join(", ", StopIds)}). Is it from the same checkpoint?");
        }

        var missing = grammar.First.Tokens.Concat(grammar.Later.Tokens).Where(token => !_outputs.Contains(token)).Distinct().ToList();
        return missing.Count == 0 ? grammar : throw new InvalidConversationException(
            $"The policy {CodeRanges.Format(prompt.Policy.Categories)} needs the tokens {string.Join(", ", missing)}, which the pruned output layer of {Name} does not have. Leave out the categories that its model card does not name.");
    }

    // An adapter belongs to the weights of a verdict as much as its base does.
    private string NameOf(string model, WeightsDigest digest) =>
        _adapter is null ? $"{model}@{digest.Short}" : $"{model}+{_adapter.Name}@{_adapter.DigestOver(digest).Short}";

    private static (ITensorOps Ops, IGuardNetwork Network) Bind(
        TensorBackend backend, Checkpoint checkpoint, Adapter? adapter, IModelConfig config, MaskedRows maskedRows)
    {
        var stored = new BoundWeights(checkpoint, adapter, config);
        var (ops, weights) = backend(stored.Source);
        try
        {
            var network = GuardNetworks.Create(ops, weights, config, maskedRows);
            stored.RequireAllUsed();
            return (ops, network);
        }
        catch
        {
            // The backend has threads that would outlive a model that could not be loaded.
            ops.Dispose();
            throw;
        }
    }

    // The templates end an answer with their end tag; the configured ids end one as well.
    private int[] StopIdsOf(string folder, IModelConfig config) =>
        [.. GenerationConfig.EndIds(folder, config).Append(Encoder.Special(PromptBuilder.EndTagOf(Variant))).Distinct()];

    private void CheckTokens(string folder, IModelConfig config, ImageInput? images, BpeTokenizer tokenizer)
    {
        if (tokenizer.VocabularySize > config.Dimensions.InputIds)
        {
            throw new CheckpointException(
                $"{folder}: the tokenizer has {tokenizer.VocabularySize} ids but config.json says vocab_size {config.Dimensions.InputIds}. Are they from the same checkpoint?");
        }

        if (images is { } input && Encoder.Special(input.Markup.Placeholder) is var seen && seen != input.Tokens.PatchToken)
        {
            throw new CheckpointException(
                $"{folder}: {input.Markup.Placeholder} is {seen} in the tokenizer but image_token_index is {input.Tokens.PatchToken} in config.json. Are they from the same checkpoint?");
        }
    }
}
