using System.ComponentModel.DataAnnotations;
using GuardSharp.Extensions.AI;

namespace GuardSharp.Server.Chat;

/// <summary>The section "GuardSharp:Chat": the upstream model of <c>POST /v1/guard/chat</c>, and what is judged.</summary>
internal sealed class ChatProxyOptions : IValidatableObject
{
    /// <summary>The section's name.</summary>
    public const string Section = ServerOptions.Section + ":Chat";

    /// <summary>The address below which the upstream's /chat/completions is, such as http://127.0.0.1:8000/v1; null: there is no guarded chat.</summary>
    public string? UpstreamUrl { get; set; }

    /// <summary>The upstream's API key; null: none, or <see cref="ApiKeyEnvironmentVariable"/>.</summary>
    public string? ApiKey { get; set; }

    /// <summary>The environment variable that holds the upstream's API key.</summary>
    public string? ApiKeyEnvironmentVariable { get; set; }

    /// <summary>The upstream's model; requests that name another are 404. Null: requests name it.</summary>
    public string? Model { get; set; }

    /// <summary>Input, Output, Both or None.</summary>
    public GuardFilters Filters { get; set; } = GuardFilters.Both;

    /// <summary>The guard, by its name in configuration; null: the default one.</summary>
    public string? Guard { get; set; }

    /// <summary>The policy, by its name in configuration; null: the guard's.</summary>
    public string? Policy { get; set; }

    /// <summary>P(unsafe) from which on input is blocked; null: the guard's.</summary>
    [Range(0.0, 1.0)]
    public double? InputThreshold { get; set; }

    /// <summary>P(unsafe) from which on output is blocked; null: the guard's.</summary>
    [Range(0.0, 1.0)]
    public double? OutputThreshold { get; set; }

    /// <summary>What the user reads in place of what was blocked.</summary>
    [Required]
    public string Refusal { get; set; } = new GuardedChatOptions().Refusal;

    /// <summary>The upstream starts while the input is still being judged; nothing is released before that verdict.</summary>
    public bool RaceInput { get; set; }

    /// <summary>What the guard cannot judge because it fails or is late passes unjudged. Counted in guardsharp.chat.failed_open.</summary>
    public bool FailOpen { get; set; }

    /// <summary>Turns that the guard is given at most, the judged one included; null: all. Chats that outgrow its context are refused.</summary>
    [Range(2, int.MaxValue)]
    public int? ContextTurns { get; set; }

    /// <summary>Whether system messages are judged as the user's words. On: whoever holds a key may write them.</summary>
    public bool JudgeSystemMessages { get; set; } = true;

    /// <summary>Whether results of tools are judged and are context of what follows.</summary>
    public bool IncludeToolResults { get; set; } = true;

    /// <summary>P(unsafe) of an answer's beginning from which on its stream is ended at once; null: the whole answer decides.</summary>
    [Range(0.0, 1.0)]
    public double? StopProbability { get; set; }

    /// <summary>Seconds that one verdict may take.</summary>
    [Range(0.001, 3600)]
    public double GuardTimeoutSeconds { get; set; } = 30;

    /// <summary>Seconds until the upstream's whole answer, or between two pieces of a streamed one.</summary>
    [Range(0.001, 3600)]
    public double UpstreamTimeoutSeconds { get; set; } = 60;

    /// <summary>Seconds that one request may take in all.</summary>
    [Range(0.001, 86_400)]
    public double MaxSeconds { get; set; } = 600;

    /// <summary>Times that a call of the upstream is repeated after an error of its server.</summary>
    [Range(0, 10)]
    public int UpstreamRetries { get; set; } = 1;

    /// <summary>Bytes of an upstream's answer; a longer one is cut off and is an error.</summary>
    [Range(1024, 1L << 30)]
    public long MaxUpstreamBytes { get; set; } = 16L << 20;

    /// <summary>Characters of an answer that are held and judged at most; a longer one is blocked.</summary>
    [Range(1, 100_000_000)]
    public int MaxOutputCharacters { get; set; } = new GuardedChatOptions().MaxOutputCharacters;

    /// <summary>Characters of a streamed answer before its first judgement.</summary>
    [Range(1, 1_000_000)]
    public int FirstWindowCharacters { get; set; } = new StreamWindow().FirstCharacters;

    /// <summary>Characters between two judgements of a streamed answer at the start; it grows by a quarter of what there is, up to eight times this.</summary>
    [Range(1, 100_000)]
    public int WindowCharacters { get; set; } = new StreamWindow().Characters;

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (UpstreamUrl is { } url && !(Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"))
            yield return new ValidationResult($"{Section}:{nameof(UpstreamUrl)} must be an http or https address, such as http://127.0.0.1:8000/v1.");
        if (ApiKey is not null && ApiKeyEnvironmentVariable is not null)
            yield return new ValidationResult($"{Section}: both {nameof(ApiKey)} and {nameof(ApiKeyEnvironmentVariable)} are set. Set one of them.");
        if (ApiKeyEnvironmentVariable is { } variable && string.IsNullOrEmpty(Environment.GetEnvironmentVariable(variable)))
            yield return new ValidationResult($"{Section}:{nameof(ApiKeyEnvironmentVariable)} names {variable}, which is not set. Set it, or leave the key out.");
        if (!Enum.IsDefined(Filters))
            yield return new ValidationResult($"{Section}:{nameof(Filters)} must be Input, Output, Both or None.");
    }

    /// <summary>What the library is told.</summary>
    public GuardedChatOptions ToGuardedChatOptions(TimeProvider time) => new()
    {
        Filters = Filters,
        InputThreshold = InputThreshold,
        OutputThreshold = OutputThreshold,
        Refusal = Refusal,
        RaceInput = RaceInput,
        Window = new StreamWindow { FirstCharacters = FirstWindowCharacters, Characters = WindowCharacters, MaxCharacters = 8 * WindowCharacters },
        StopProbability = StopProbability,
        Timeout = TimeSpan.FromSeconds(GuardTimeoutSeconds),
        FailOpen = FailOpen,
        // A failure of the guard is an error of HTTP, which clients can tell from a refusal.
        ThrowOnGuardError = !FailOpen,
        ContextTurns = ContextTurns,
        IncludeToolResults = IncludeToolResults,
        JudgeSystemMessages = JudgeSystemMessages,
        // The form of the answer has no place for it.
        Reasoning = ReasoningTreatment.Withhold,
        MaxOutputCharacters = MaxOutputCharacters,
        TimeProvider = time,
    };
}
