using System.Diagnostics;
using GuardSharp.Conversations;
using GuardSharp.Engine;
using GuardSharp.Imaging;
using GuardSharp.Policies;
using GuardSharp.Prompts;
using GuardSharp.Tensors;

namespace GuardSharp;

/// <summary>A guard that runs a model in this process: guardsharp-tiny or the folder of a published checkpoint.</summary>
/// <remarks>
/// Safe from any thread. One engine thread and its workers compute; callers wait without blocking a thread.
/// Keys and values of policies are kept, and for a while those of conversations and pictures (<see cref="GuardOptions.ConversationCacheBytes"/>): in memory only.
/// </remarks>
public sealed class GuardClassifier : IGuard
{
    // A picture of 17 tiles is 23 MB of pixels: few may wait for the engine at a time.
    private const int PicturesAtOnce = 8;

    // Of a picture that is not decoded yet: a photograph of middling size.
    private const int GuessedTiles = 5;

    private readonly SemaphoreSlim _pictures = new(PicturesAtOnce);
    private readonly LoadedModel _model;
    private readonly GuardOptions _options;

    private GuardClassifier(LoadedModel model, GuardOptions options)
    {
        _model = model;
        _options = options;
        var manifest = model.Manifest;
        Capabilities = new GuardCapabilities
        {
            Model = model.Name,
            Codes = manifest?.Codes ?? PromptBuilder.CodesOf(model.Variant),
            CustomCategories = manifest?.CustomCategories ?? true,
            NarrowedPolicies = manifest?.NarrowedPolicies ?? true,
            Languages = manifest?.Languages ?? [],
            MaxImages = model.Images is null ? 0 : options.MaxImages ?? manifest?.MaxImages ?? model.MaxImages,
            MaxContextTokens = model.MaxContextTokens,
            PromptVariant = model.Variant,
            Threshold = options.Threshold ?? manifest?.Threshold ?? 0.5,
        };
        DefaultPolicy = WithDefaults(Policy.MlCommons.Only([.. Policy.MlCommons.Categories.Select(c => c.Code).Where(Capabilities.Codes.Contains)]));
    }

    /// <inheritdoc/>
    public GuardCapabilities Capabilities { get; }

    /// <summary>The folder of guardsharp-tiny beside the application.</summary>
    public static string DefaultModelFolder { get; } = Path.Combine(AppContext.BaseDirectory, "models", "guardsharp-tiny");

    /// <summary>The policy of a request that names none: the MLCommons hazards that the model knows.</summary>
    public Policy DefaultPolicy { get; }

    /// <summary>Loads a model. Weights are mapped, not read: a folder of 24 GB opens as fast as its headers are checked.</summary>
    /// <param name="folder">A model folder as Hugging Face holds it; null: guardsharp-tiny beside the application.</param>
    /// <param name="options">Threads and limits; null: the defaults.</param>
    /// <exception cref="CheckpointException">The folder holds no model that can be run; the message names file and cause.</exception>
    public static GuardClassifier Load(string? folder = null, GuardOptions? options = null)
    {
        return LoadOn(backend: null, folder ?? DefaultModelFolder, options ?? new GuardOptions());
    }

    /// <summary>Loads a model on a backend of the caller's choice.</summary>
    /// <param name="backend">What computes; null: the CPU backend.</param>
    /// <param name="folder">A model folder.</param>
    /// <param name="options">Threads and limits. Threads are those of the CPU backend; another has its own.</param>
    /// <param name="engine">Limits of the engine; null: the defaults.</param>
    /// <exception cref="CheckpointException">The folder holds no model that can be run.</exception>
    internal static GuardClassifier LoadOn(TensorBackend? backend, string folder, GuardOptions options, EngineOptions? engine = null)
    {
        CheckThresholds(options);
        return new GuardClassifier(LoadedModel.Open(folder, options, engine, backend), options);
    }

    /// <summary>What runs the network, for measuring it without text.</summary>
    internal GuardEngine Engine => _model.Engine;

    /// <inheritdoc/>
    public async Task<Verdict> ClassifyAsync(
        Conversation conversation, ClassifyOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(conversation);
        var started = Stopwatch.GetTimestamp();
        var request = options ?? new ClassifyOptions();
        CheckThreshold(request.Threshold, "ClassifyOptions.Threshold");
        var rendered = Render(conversation, PolicyFor(request));
        var grammar = _model.Grammar(rendered);
        // A model that always writes a prefix reads it with the prompt; the check mode watches whether it would.
        int[] read = request.Check ? [] : [.. grammar.Prefix];
        // The verdict's own question goes with the prompt; the check mode asks another first.
        int[] first = request.Check ? [] : [grammar.SafeToken, grammar.UnsafeToken];
        var (session, tokens, imageTokens) = await ReadAsync(rendered, read, first, cancellationToken).ConfigureAwait(false);
        using var prompt = session;
        var reader = new VerdictReader(grammar, ReadingOptionsFor(request, rendered.Policy));
        var reading = await reader.ReadAsync(new SessionAnswerModel(prompt, read.Length, first), cancellationToken).ConfigureAwait(false);
        return new Verdict
        {
            Task = rendered.Task,
            Unsafe = reading.Unsafe,
            UnsafeProbability = reading.UnsafeProbability,
            Threshold = request.Threshold ?? Capabilities.Threshold,
            Categories = reading.Categories,
            CategoryProbabilities = reading.CategoryProbabilities,
            CategoryUncertainty = reading.CategoryUncertainty,
            Warnings = [.. reading.Warnings, .. rendered.Warnings, .. _model.Warnings],
            Model = Capabilities.Model,
            PolicyVersion = rendered.Policy.Version,
            PromptTokens = tokens - read.Length,
            ImageTokens = imageTokens,
            Elapsed = Stopwatch.GetElapsedTime(started),
            Queued = prompt.Queued,
            AnswerMass = reading.AnswerMass,
        };
    }

    /// <summary>Renders a conversation as this model reads it.</summary>
    /// <exception cref="InvalidConversationException">The conversation or the policy cannot be put to this model.</exception>
    internal RenderedPrompt Render(Conversation conversation, Policy policy)
    {
        CheckPolicy(policy);
        var rendered = PromptBuilder.Build(_model.Variant, conversation, policy, _options.Prompt, Capabilities.MaxImages);
        return rendered.Images.Count <= Capabilities.MaxImages
            ? rendered
            : throw new InvalidConversationException(
                Capabilities.MaxImages == 0
                    ? $"The conversation has {rendered.Images.Count} images, but {Capabilities.Model} judges text alone. Leave them out, or load a model that takes images."
                    : $"The conversation has {rendered.Images.Count} images; {Capabilities.Model} takes at most {Capabilities.MaxImages}. Send fewer images, or set ImageLimit to LastOnly.");
    }

    /// <summary>Every token of an answer to the default policy, rising: verdicts, codes, what stands between them and what ends them.</summary>
    internal int[] AnswerTokens()
    {
        var grammar = _model.Grammar(Render(new Conversation([Turn.User("?")]), DefaultPolicy));
        return [.. grammar.Tokens.Concat(grammar.Prefix).Concat(grammar.ListHead).Concat(grammar.NewlineTokens).Distinct().Order()];
    }

    private async Task<(PromptSession Session, int Tokens, int ImageTokens)> ReadAsync(
        RenderedPrompt rendered, int[] answerPrefix, int[] firstTokens, CancellationToken cancellationToken)
    {
        var asked = firstTokens.Length > 0 ? firstTokens : null;
        if (rendered.Images.Count == 0)
        {
            var text = Encode(rendered, answerPrefix, cancellationToken);
            return (await _model.Engine.ReadAsync(text, cancellationToken, asked).ConfigureAwait(false), text.Length, 0);
        }

        // A full queue is told before anything is decoded; how many tiles there are is known only afterwards.
        using var place = _model.Engine.Admission.Enter((long)rendered.Images.Count * GuessedTiles * Admission.TokensPerTile);
        await _pictures.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Decoding and resizing take milliseconds: conversations with pictures do it side by side.
            var prompt = await Task.Run(() => Encode(rendered, answerPrefix, cancellationToken), cancellationToken).ConfigureAwait(false);
            var session = await _model.Engine.ReadAsync(prompt, cancellationToken, asked, place).ConfigureAwait(false);
            return (session, prompt.Length, _model.Encoder.CountPatches(prompt));
        }
        finally
        {
            _pictures.Release();
        }
    }

    /// <summary>The ids and pixels of a rendered prompt.</summary>
    /// <param name="rendered">The prompt.</param>
    /// <param name="answerPrefix">Ids of the answer that are read with the prompt.</param>
    /// <param name="cancellationToken">Stops between two images.</param>
    internal EncodedPrompt Encode(RenderedPrompt rendered, int[] answerPrefix, CancellationToken cancellationToken)
    {
        // The ids of a text far beyond the context would take many times its memory, and seconds, to be thrown away.
        if (_model.Encoder.LeastTokens(rendered) is var least && least > Capabilities.MaxContextTokens)
        {
            throw new ContextOverflowException(least, Capabilities.MaxContextTokens);
        }

        var images = new List<TiledImage>(rendered.Images.Count);
        foreach (var image in rendered.Images)
        {
            cancellationToken.ThrowIfCancellationRequested();
            images.Add(_model.Images!.Process(ImageDecoder.Decode(image.Data.Span, _options.Images)));
        }

        var prompt = _model.Encoder.Encode(rendered, images);
        prompt = prompt with { Rest = [.. prompt.Rest, .. answerPrefix] };
        return prompt.Length <= Capabilities.MaxContextTokens
            ? prompt
            : throw new ContextOverflowException(prompt.Length, Capabilities.MaxContextTokens);
    }

    /// <summary>What <see cref="ClassifyAsync"/> asks the network first, for attacks, which differentiate it.</summary>
    internal FirstQuestion Ask(Conversation conversation, ClassifyOptions options)
    {
        var rendered = Render(conversation, PolicyFor(options));
        var grammar = _model.Grammar(rendered);
        return new FirstQuestion(Encode(rendered, [.. grammar.Prefix], CancellationToken.None), grammar.SafeToken, grammar.UnsafeToken, _model.Manifest?.Temperature ?? 1);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _model.Dispose();
        return ValueTask.CompletedTask;
    }

    private Policy PolicyFor(ClassifyOptions request)
    {
        var policy = request.Policy is { } own ? WithDefaults(own) : DefaultPolicy;
        return request.CategoryThresholds is { } thresholds ? policy.WithThresholds(thresholds) : policy;
    }

    private Policy WithDefaults(Policy policy) => _options.CategoryThresholds is { } thresholds ? policy.WithDefaultThresholds(thresholds) : policy;

    private ReadingOptions ReadingOptionsFor(ClassifyOptions request, Policy policy) => new()
    {
        Threshold = request.Threshold ?? Capabilities.Threshold,
        Temperature = _model.Manifest?.Temperature ?? 1,
        CategoryThresholds = policy.Thresholds,
        Check = request.Check,
        FirstCodeOnly = request.FirstCodeOnly,
    };

    // NaN is no threshold that a probability could reach: every verdict would be safe.
    private static void CheckThreshold(double? threshold, string name)
    {
        if (threshold is { } value && value is not (>= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(threshold), value, $"{name} must be a number from 0 to 1, or null for the model's own.");
        }
    }

    private static void CheckThresholds(GuardOptions options)
    {
        CheckThreshold(options.Threshold, "GuardOptions.Threshold");
        foreach (var (code, value) in options.CategoryThresholds ?? new Dictionary<string, double>())
        {
            if (value is not (> 0 and <= 1))
            {
                throw new ArgumentOutOfRangeException(nameof(options), value, $"GuardOptions.CategoryThresholds[\"{code}\"] must be above 0 and at most 1.");
            }
        }
    }

    private void CheckPolicy(Policy policy)
    {
        var unknown = policy.Categories.Where(c => !Capabilities.Codes.Contains(c.Code)).Select(c => c.Code).ToList();
        if (unknown.Count > 0 && !Capabilities.CustomCategories)
        {
            throw new InvalidConversationException(
                $"The policy asks for {string.Join(", ", unknown)}, but {Capabilities.Model} knows {string.Join(", ", Capabilities.Codes)} and cannot learn categories from the prompt. Leave them out, or load a model that can.");
        }
    }
}
