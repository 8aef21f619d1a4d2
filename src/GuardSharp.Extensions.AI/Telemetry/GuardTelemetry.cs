namespace GuardSharp.Extensions.AI;

/// <summary>Names of what guarded chats measure and trace. None of them ever carries content.</summary>
public static class GuardTelemetry
{
    /// <summary>The meter; the engine's has the same name.</summary>
    public const string MeterName = "GuardSharp";

    /// <summary>The activity source.</summary>
    public const string ActivitySourceName = "GuardSharp";

    /// <summary>Counter: judgements of chats, by <see cref="StageAttribute"/> and <see cref="ResultAttribute"/>.</summary>
    public const string JudgementsInstrument = "guardsharp.chat.judgements";

    /// <summary>Histogram, seconds: time of a judgement, by <see cref="StageAttribute"/>.</summary>
    public const string DurationInstrument = "guardsharp.chat.judgement.duration";

    /// <summary>Counter: chats that were blocked, by <see cref="StageAttribute"/> and <see cref="ReasonAttribute"/>.</summary>
    public const string BlockedInstrument = "guardsharp.chat.blocked";

    /// <summary>Counter: judgements that failed and let content pass because the options say so, by <see cref="StageAttribute"/> and <see cref="ReasonAttribute"/>.</summary>
    public const string FailedOpenInstrument = "guardsharp.chat.failed_open";

    /// <summary>The activity around one judgement.</summary>
    public const string JudgementActivity = "guardsharp.judge";

    /// <summary>input or output.</summary>
    public const string StageAttribute = "guardsharp.stage";

    /// <summary>safe, unsafe or error.</summary>
    public const string ResultAttribute = "guardsharp.result";

    /// <summary>As <see cref="GuardProperties.NameOf(BlockReason)"/> writes it.</summary>
    public const string ReasonAttribute = "guardsharp.reason";

    /// <summary>The model that judged, with the hash of its weights.</summary>
    public const string ModelAttribute = "guardsharp.model";

    /// <summary>The policy's version.</summary>
    public const string PolicyAttribute = "guardsharp.policy";

    /// <summary>Codes of the violated categories, with commas.</summary>
    public const string CategoriesAttribute = "guardsharp.categories";

    /// <summary>P(unsafe).</summary>
    public const string ProbabilityAttribute = "guardsharp.unsafe_probability";
}
