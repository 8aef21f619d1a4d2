using System.Diagnostics;
using GuardSharp.Conversations;
using GuardSharp.Policies;
using GuardSharp.Prompts;
using GuardSharp.Tokenization;

namespace GuardSharp.Remote;

/// <summary>A guard whose model runs elsewhere: behind an OpenAI-compatible server (vLLM, SGLang, TGI, llama.cpp, or another GuardSharp) that hosts a Llama Guard.</summary>
/// <remarks>
/// The verdict is read from the answer's words, strictly, and from the probabilities of its tokens where the server gives them. What is no
/// answer is an error, and so is a server that does not answer: never "safe". Safe from any thread. docs/scaling.md compares the servers.
/// </remarks>
public sealed class RemoteGuard : IGuard
{
    // Names go into verdicts, logs and metrics.
    private const int MaxNameLength = 200;

    private readonly RemoteGuardOptions _options;
    private readonly RemoteServer _server;
    private readonly BpeTokenizer? _tokenizer;
    private readonly SemaphoreSlim _places;
    private int _waiting;

    /// <summary>Prepares a guard; nothing is sent before the first conversation.</summary>
    /// <param name="options">Server, model and limits.</param>
    /// <param name="client">Sends the requests, with handlers of the caller's choice, and stays the caller's; its own timeout should be longer than the options'. Null: a client of our own, which follows no redirects.</param>
    /// <exception cref="GuardException">An option is out of range or contradicts another.</exception>
    /// <exception cref="CheckpointException">TokenizerFolder holds no tokenizer.</exception>
    public RemoteGuard(RemoteGuardOptions options, HttpClient? client = null)
        : this(options, client, TimeProvider.System)
    {
    }

    internal RemoteGuard(RemoteGuardOptions options, HttpClient? client, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        _options = options;
        _tokenizer = options.TokenizerFolder is { } folder ? TokenizerFile.Load(folder) : null;
        _places = new SemaphoreSlim(options.MaxConcurrency);
        _server = new RemoteServer(options, client, time);
        Capabilities = new GuardCapabilities
        {
            Model = options.Model,
            Codes = options.Codes ?? PromptBuilder.CodesOf(options.PromptVariant),
            CustomCategories = options.CustomCategories ?? options.Mode == RemoteMode.Completions,
            NarrowedPolicies = options.Mode == RemoteMode.Completions,
            Languages = options.Languages,
            MaxImages = options.MaxImages,
            MaxContextTokens = options.MaxContextTokens,
            PromptVariant = options.PromptVariant,
            Threshold = options.Threshold,
        };
        DefaultPolicy = Policy.MlCommons.Only([.. Policy.MlCommons.Categories.Select(c => c.Code).Where(Capabilities.Codes.Contains)]);
    }

    /// <summary>What the options say of the model; the server is not asked.</summary>
    public GuardCapabilities Capabilities { get; }

    /// <summary>The policy of a request that names none: the MLCommons hazards that the model knows.</summary>
    public Policy DefaultPolicy { get; }

    /// <inheritdoc/>
    /// <exception cref="RemoteGuardException">The server did not answer, or with something that is no completion.</exception>
    /// <exception cref="InvalidAnswerException">The model's answer is neither safe nor unsafe.</exception>
    public async Task<Verdict> ClassifyAsync(
        Conversation conversation, ClassifyOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(conversation);
        var started = Stopwatch.GetTimestamp();
        var request = options ?? new ClassifyOptions();
        var threshold = request.Threshold ?? Capabilities.Threshold;
        if (threshold is not (>= 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(options), threshold, "ClassifyOptions.Threshold must be a number from 0 to 1, or null for the model's own.");
        var policy = request.Policy ?? DefaultPolicy;
        var rendered = Render(conversation, request.CategoryThresholds is { } thresholds ? policy.WithThresholds(thresholds) : policy);
        var (path, body, ids, places) = Ask(conversation, rendered);
        var (answer, queued) = await SendAsync(path, body, cancellationToken).ConfigureAwait(false);
        if (ids is not null && answer.PromptTokens is { } read && read != ids.Count)
        {
            throw new RemoteGuardException(
                $"The server read {read} tokens where {ids.Count} were sent, so it judged something else. Does it take token ids as a prompt? If not, leave TokenizerFolder out.", isTransient: false);
        }

        var parsed = AnswerParser.Parse(answer.Text, rendered.Policy);
        // In Chat mode the server's template prints all its categories, whatever the policy.
        IReadOnlyList<string> known = _options.Mode == RemoteMode.Chat ? Capabilities.Codes : [.. rendered.Policy.Categories.Select(c => c.Code)];
        var reading = RemoteReading.Of(answer, parsed, rendered.Policy, known);
        var categories = Categories(parsed, reading, rendered.Policy, threshold);
        return new Verdict
        {
            Task = rendered.Task,
            Unsafe = reading.UnsafeProbability >= threshold || categories.Count > 0,
            UnsafeProbability = reading.UnsafeProbability,
            Threshold = threshold,
            Categories = categories,
            CategoryProbabilities = reading.CategoryProbabilities,
            CategoryUncertainty = reading.CategoryUncertainty,
            Warnings = Warnings(parsed, reading, rendered, places, threshold),
            Model = NameOf(answer),
            PolicyVersion = rendered.Policy.Version,
            PromptTokens = answer.PromptTokens ?? ids?.Count ?? 0,
            ImageTokens = 0,
            Elapsed = Stopwatch.GetElapsedTime(started),
            Queued = queued,
            AnswerMass = request.Check ? reading.AnswerMass : null,
        };
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _server.Dispose();
        _places.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>The prompt as our own models read it: what is judged, against which policy, and whether it can be put at all.</summary>
    private RenderedPrompt Render(Conversation conversation, Policy policy)
    {
        var unknown = policy.Categories.Where(c => !Capabilities.Codes.Contains(c.Code)).Select(c => c.Code).ToList();
        if (unknown.Count > 0 && !Capabilities.CustomCategories)
        {
            throw new InvalidConversationException(
                $"The policy asks for {string.Join(", ", unknown)}, but {Capabilities.Model} knows {string.Join(", ", Capabilities.Codes)}, and its server prints the policy. Leave them out, or use Completions mode.");
        }

        var rendered = PromptBuilder.Build(_options.PromptVariant, conversation, policy, _options.Prompt, _options.MaxImages);
        return rendered.Images.Count <= _options.MaxImages
            ? rendered
            : throw new InvalidConversationException(
                $"The conversation has {rendered.Images.Count} images; {Capabilities.Model} takes {_options.MaxImages}. Send fewer, or set MaxImages if the server takes more (Chat mode).");
    }

    private (string Path, ReadOnlyMemory<byte> Body, List<int>? Ids, int Places) Ask(Conversation conversation, RenderedPrompt rendered)
    {
        var (places, codes) = (0, Math.Max(rendered.Policy.Categories.Count, Capabilities.Codes.Count));
        if (_options.Mode == RemoteMode.Chat)
        {
            var messages = RemoteMessages.Of(conversation, _options.Prompt, _options.PromptVariant, _options.MaxImages, out places);
            return ("chat/completions", RemoteRequest.Chat(_options, messages, codes), null, places);
        }

        if (_tokenizer is null)
        {
            var text = PromptWriter.AsText(rendered, _options.ServerBeginsText, out places);
            return ("completions", RemoteRequest.Completion(_options, text, null, codes), null, places);
        }

        var ids = PromptWriter.AsIds(rendered, _tokenizer);
        return ids.Count <= _options.MaxContextTokens
            ? ("completions", RemoteRequest.Completion(_options, null, ids, codes), ids, 0)
            : throw new ContextOverflowException(ids.Count, _options.MaxContextTokens);
    }

    private async Task<(RemoteAnswer Answer, TimeSpan Queued)> SendAsync(string path, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        if (Interlocked.Increment(ref _waiting) > _options.QueueCapacity + _options.MaxConcurrency)
        {
            Interlocked.Decrement(ref _waiting);
            throw new QueueFullException(_options.QueueCapacity);
        }

        try
        {
            await _places.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                var queued = Stopwatch.GetElapsedTime(started);
                return (RemoteAnswerReader.Read(await _server.PostAsync(path, body, cancellationToken).ConfigureAwait(false)), queued);
            }
            finally
            {
                _places.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    /// <summary>The answer's list if P(unsafe) reaches the threshold, then categories that reach their own.</summary>
    private static List<string> Categories(ParsedAnswer parsed, RemoteReading reading, Policy policy, double threshold)
    {
        List<string> categories = reading.UnsafeProbability >= threshold ? [.. parsed.Categories] : [];
        foreach (var category in policy.Categories)
        {
            if (policy.Thresholds.TryGetValue(category.Code, out var own) && reading.CategoryProbabilities[category.Code] >= own && !categories.Contains(category.Code))
                categories.Add(category.Code);
        }

        return categories;
    }

    private static List<string> Warnings(ParsedAnswer parsed, RemoteReading reading, RenderedPrompt rendered, int places, double threshold)
    {
        List<string> warnings = [.. reading.Warnings, .. rendered.Warnings];
        if (places > 0)
            warnings.Add(ServerMarkup.Warning(places));
        if (parsed.UnknownCodes.Count > 0)
            warnings.Add($"unknown-codes: the answer lists {string.Join(", ", parsed.UnknownCodes)}, which the policy does not hold");
        if (!parsed.Unsafe && reading.UnsafeProbability >= threshold)
            warnings.Add("no-list: P(unsafe) reaches the threshold, but the server's own answer was safe, so it names no categories");
        return warnings;
    }

    private string NameOf(RemoteAnswer answer) =>
        answer.Model is { Length: > 0 and <= MaxNameLength } name && !name.Any(char.IsControl) ? name : _options.Model;
}
