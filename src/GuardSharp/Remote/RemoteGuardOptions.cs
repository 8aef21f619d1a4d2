using GuardSharp.Prompts;

namespace GuardSharp.Remote;

/// <summary>How a conversation is put to the server.</summary>
public enum RemoteMode
{
    /// <summary>Messages to <c>/v1/chat/completions</c>: the server renders its own template, policy included. The way for images.</summary>
    Chat,

    /// <summary>A prompt of ours to <c>/v1/completions</c>: policies and categories of one's own, and no trust in the server's template.</summary>
    Completions,
}

/// <summary>Which server judges, and how it is asked.</summary>
/// <remarks>A class and not a record: a record would print the key.</remarks>
public sealed class RemoteGuardOptions
{
    /// <summary>The server's address, with or without <c>/v1</c>, such as <c>http://vllm:8000</c>.</summary>
    public required Uri Endpoint { get; init; }

    /// <summary>Sent as <c>Authorization: Bearer</c>; null: nothing is sent.</summary>
    public string? ApiKey { get; init; }

    /// <summary>The model's name on the server, as GET /v1/models lists it.</summary>
    public required string Model { get; init; }

    /// <summary>How a conversation is put to the server.</summary>
    public RemoteMode Mode { get; init; } = RemoteMode.Chat;

    /// <summary>The wording the model was trained with. It decides which categories are known, and in Completions mode how the prompt reads.</summary>
    public required PromptVariant PromptVariant { get; init; }

    /// <summary>Completions mode: folder of the model's tokenizer. The prompt then goes as token ids, so that no text of a message can become a special token. vLLM, SGLang and llama.cpp take ids. Null: the prompt goes as a string.</summary>
    public string? TokenizerFolder { get; init; }

    /// <summary>Completions mode with a string: whether the server itself puts <c>&lt;|begin_of_text|&gt;</c> before a prompt, as vLLM, SGLang, TGI and llama.cpp do. Otherwise it is written.</summary>
    public bool ServerBeginsText { get; init; } = true;

    /// <summary>Codes of the categories the model knows; null: those of <see cref="PromptVariant"/>.</summary>
    public IReadOnlyList<string>? Codes { get; init; }

    /// <summary>Whether a policy may hold categories of its own; null: in Completions mode.</summary>
    public bool? CustomCategories { get; init; }

    /// <summary>Languages the model was trained on, as ISO 639-1 codes.</summary>
    public IReadOnlyList<string> Languages { get; init; } = [];

    /// <summary>Most images of a conversation, Chat mode only; 0: text alone.</summary>
    public int MaxImages { get; init; }

    /// <summary>Tokens a prompt may have on the server. Checked here where the prompt goes as ids; else the server refuses.</summary>
    public int MaxContextTokens { get; init; } = 8192;

    /// <summary>P(unsafe) from which on a verdict is unsafe, in [0, 1].</summary>
    public double Threshold { get; init; } = 0.5;

    /// <summary>Alternatives asked for at every token of the answer, 0 to 20; 0: no probabilities. TGI allows 5 in Chat mode and gives none in Completions mode.</summary>
    public int TopLogprobs { get; init; } = 20;

    /// <summary>Seconds one verdict may take, attempts and waits between them included; above 0, at most 3600.</summary>
    public double TimeoutSeconds { get; init; } = 30;

    /// <summary>Seconds one attempt may take; above 0.</summary>
    public double AttemptTimeoutSeconds { get; init; } = 10;

    /// <summary>Further attempts after the first failed for a reason that may pass, 0 to 10.</summary>
    public int Retries { get; init; } = 3;

    /// <summary>Requests under way at the same time, 1 to 4096.</summary>
    public int MaxConcurrency { get; init; } = 64;

    /// <summary>Conversations that may wait for one of those; one more is a <see cref="QueueFullException"/>.</summary>
    public int QueueCapacity { get; init; } = 4096;

    /// <summary>Seconds for which nothing is sent after half of at least ten attempts within half a minute failed, 0.5 to 3600.</summary>
    public double CircuitBreakSeconds { get; init; } = 5;

    /// <summary>How conversations become prompts.</summary>
    public PromptOptions Prompt { get; init; } = new();

    /// <summary>Waits before the second attempt; each further one waits about twice as long.</summary>
    internal TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Whether the prompt goes as token ids.</summary>
    internal bool SendsIds => Mode == RemoteMode.Completions && TokenizerFolder is not null;

    /// <summary>Refuses what contradicts itself.</summary>
    /// <exception cref="GuardException">What was seen, what is allowed.</exception>
    internal void Check()
    {
        // Configuration binders do not ask for required members.
        if (Endpoint is not { IsAbsoluteUri: true, Scheme: "http" or "https" } || Endpoint.UserInfo.Length > 0 || Endpoint.Query.Length > 0)
            throw new GuardException("RemoteGuardOptions.Endpoint must be an http or https address without user and query, such as http://vllm:8000.");
        if (string.IsNullOrWhiteSpace(Model))
            throw new GuardException("RemoteGuardOptions.Model is empty. Name the model as the server's GET /v1/models lists it.");
        Require(Threshold is >= 0 and <= 1, nameof(Threshold), "0 to 1");
        Require(TopLogprobs is >= 0 and <= 20, nameof(TopLogprobs), "0 to 20");
        Require(TimeoutSeconds is > 0 and <= 3600, nameof(TimeoutSeconds), "above 0 and up to 3600");
        Require(AttemptTimeoutSeconds is > 0 and <= 3600, nameof(AttemptTimeoutSeconds), "above 0 and up to 3600");
        Require(Retries is >= 0 and <= 10, nameof(Retries), "0 to 10");
        Require(MaxConcurrency is >= 1 and <= 4096, nameof(MaxConcurrency), "1 to 4096");
        Require(QueueCapacity >= 0, nameof(QueueCapacity), "0 or more");
        Require(CircuitBreakSeconds is >= 0.5 and <= 3600, nameof(CircuitBreakSeconds), "0.5 to 3600");
        Require(MaxContextTokens >= 1, nameof(MaxContextTokens), "1 or more");
        Require(MaxImages >= 0, nameof(MaxImages), "0 or more");
        CheckMode();
    }

    private void CheckMode()
    {
        if (Mode == RemoteMode.Chat && CustomCategories == true)
            throw new GuardException("RemoteGuardOptions.CustomCategories: in Chat mode the server's template prints the policy, and its categories alone. Use Completions mode.");
        if (Mode == RemoteMode.Chat && TokenizerFolder is not null)
            throw new GuardException("RemoteGuardOptions.TokenizerFolder: in Chat mode the server encodes. Use Completions mode to send token ids.");
        if (Mode == RemoteMode.Completions && MaxImages > 0)
            throw new GuardException("RemoteGuardOptions.MaxImages: /v1/completions takes no images. Use Chat mode.");
    }

    private static void Require(bool holds, string name, string allowed)
    {
        if (!holds)
            throw new GuardException($"RemoteGuardOptions.{name} must be {allowed}.");
    }
}
