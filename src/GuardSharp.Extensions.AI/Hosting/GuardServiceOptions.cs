using System.ComponentModel.DataAnnotations;
using GuardSharp.Policies;

namespace GuardSharp.Extensions.AI;

/// <summary>A guard in an application's services: its model, what it judges by, and how chats use it. Bound from configuration; checked at start.</summary>
public sealed class GuardServiceOptions : IValidatableObject
{
    /// <summary>The folder of the model, or of the text model of a pair; null: guardsharp-tiny beside the application.</summary>
    public string? ModelFolder { get; set; }

    /// <summary>The folder of the model that judges conversations with pictures, beside <see cref="ModelFolder"/> for all others; null: one model judges all.</summary>
    public string? VisionFolder { get; set; }

    /// <summary>Threads of the matrix kernels; 0: all cores the process may use.</summary>
    [Range(0, 4096)]
    public int Threads { get; set; }

    /// <summary>Tokens a rendered prompt may have; null: the model's limit, at most 8,192.</summary>
    [Range(64, 10_000_000)]
    public int? MaxContextTokens { get; set; }

    /// <summary>Conversations that may wait or be read at a time.</summary>
    [Range(1, 1_000_000)]
    public int QueueCapacity { get; set; } = new GuardOptions().QueueCapacity;

    /// <summary>Bytes of conversations' keys and values that are kept; null: the library's default; 0: none.</summary>
    [Range(0, long.MaxValue)]
    public long? ConversationCacheBytes { get; set; }

    /// <summary>Bytes of encoded pictures that are kept; null: the library's default; 0: none.</summary>
    [Range(0, long.MaxValue)]
    public long? ImageCacheBytes { get; set; }

    /// <summary>P(unsafe) from which on a verdict is unsafe where the request does not say; null: the model's own.</summary>
    [Range(0.0, 1.0)]
    public double? Threshold { get; set; }

    /// <summary>The policy of requests that bring none, by its name in <see cref="Policies"/>; null: the model's default.</summary>
    public string? Policy { get; set; }

    /// <summary>Policies by name.</summary>
    public Dictionary<string, GuardPolicyOptions> Policies { get; } = [];

    /// <summary>How chats use the guard, for UseGuard without options of its own.</summary>
    public GuardChatSettings Chat { get; set; } = new();

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        var results = new List<ValidationResult>();
        Validator.TryValidateObject(Chat, new ValidationContext(Chat), results, validateAllProperties: true);
        if (VisionFolder is not null && ModelFolder is null)
            results.Add(new ValidationResult("VisionFolder is set without ModelFolder: name the text model too."));
        if (Policy is { } name && !Policies.ContainsKey(name))
            results.Add(new ValidationResult($"Policy is \"{name}\", but Policies holds {(Policies.Count == 0 ? "none" : string.Join(", ", Policies.Keys))}."));
        foreach (var (key, policy) in Policies)
        {
            try
            {
                policy.Create(key);
            }
            catch (GuardException error)
            {
                results.Add(new ValidationResult($"Policies:{key}: {error.Message}"));
            }
        }

        return results;
    }

    /// <summary>The policy of requests that bring none.</summary>
    internal Policy? DefaultPolicy => Policy is { } name ? Policies[name].Create(name) : null;

    /// <summary>How the library loads the model.</summary>
    internal GuardOptions ToGuardOptions() => new()
    {
        Threads = Threads,
        MaxContextTokens = MaxContextTokens,
        QueueCapacity = QueueCapacity,
        ConversationCacheBytes = ConversationCacheBytes,
        ImageCacheBytes = ImageCacheBytes,
    };
}

/// <summary>How chats use a guard, as configuration says it; <see cref="GuardedChatOptions"/> tells more of each.</summary>
public sealed class GuardChatSettings
{
    /// <summary>Input, Output, Both or None.</summary>
    [EnumDataType(typeof(GuardFilters))]
    public GuardFilters Filters { get; set; } = GuardFilters.Both;

    /// <summary>P(unsafe) from which on input is blocked; null: the guard's.</summary>
    [Range(0.0, 1.0)]
    public double? InputThreshold { get; set; }

    /// <summary>P(unsafe) from which on output is blocked; null: the guard's.</summary>
    [Range(0.0, 1.0)]
    public double? OutputThreshold { get; set; }

    /// <summary>What the user reads in place of what was blocked.</summary>
    [Required]
    public string Refusal { get; set; } = new GuardedChatOptions().Refusal;

    /// <summary>See <see cref="GuardedChatOptions.RaceInput"/>.</summary>
    public bool RaceInput { get; set; }

    /// <summary>Seconds that one verdict may take.</summary>
    [Range(0.001, 3600)]
    public double TimeoutSeconds { get; set; } = new GuardedChatOptions().Timeout.TotalSeconds;

    /// <summary>See <see cref="GuardedChatOptions.FailOpen"/>.</summary>
    public bool FailOpen { get; set; }

    /// <summary>See <see cref="GuardedChatOptions.ContextTurns"/>.</summary>
    [Range(2, int.MaxValue)]
    public int? ContextTurns { get; set; }

    /// <summary>See <see cref="GuardedChatOptions.IncludeToolResults"/>.</summary>
    public bool IncludeToolResults { get; set; } = true;

    /// <summary>See <see cref="GuardedChatOptions.JudgeSystemMessages"/>.</summary>
    public bool JudgeSystemMessages { get; set; }

    /// <summary>See <see cref="GuardedChatOptions.AllowUriContent"/>.</summary>
    public bool AllowUriContent { get; set; }

    /// <summary>See <see cref="GuardedChatOptions.StopProbability"/>.</summary>
    [Range(0.0, 1.0)]
    public double? StopProbability { get; set; }

    /// <summary>See <see cref="GuardedChatOptions.MaxOutputCharacters"/>.</summary>
    [Range(1, int.MaxValue)]
    public int MaxOutputCharacters { get; set; } = new GuardedChatOptions().MaxOutputCharacters;

    /// <summary>The options.</summary>
    internal GuardedChatOptions ToOptions(TimeProvider time) => new()
    {
        Filters = Filters,
        InputThreshold = InputThreshold,
        OutputThreshold = OutputThreshold,
        Refusal = Refusal,
        RaceInput = RaceInput,
        Timeout = TimeSpan.FromSeconds(TimeoutSeconds),
        FailOpen = FailOpen,
        ContextTurns = ContextTurns,
        IncludeToolResults = IncludeToolResults,
        JudgeSystemMessages = JudgeSystemMessages,
        AllowUriContent = AllowUriContent,
        StopProbability = StopProbability,
        MaxOutputCharacters = MaxOutputCharacters,
        TimeProvider = time,
    };
}
