using GuardSharp.Policies;
using Microsoft.Extensions.AI;

namespace GuardSharp.Extensions.AI;

/// <summary>Keys of what a <see cref="GuardedChatClient"/> says in <c>AdditionalProperties</c> of responses and updates.</summary>
public static class GuardProperties
{
    /// <summary>The <see cref="Policies.Verdict"/> that decided: of the output, or of the input where it was blocked or nothing else is judged.</summary>
    public const string Verdict = "guardsharp.verdict";

    /// <summary>Present where something was blocked: why, as <see cref="NameOf(BlockReason)"/> writes it.</summary>
    public const string Blocked = "guardsharp.blocked";

    /// <summary>Beside <see cref="Blocked"/>: <c>input</c> or <c>output</c>.</summary>
    public const string Stage = "guardsharp.stage";

    /// <summary>True where the guard failed and the content passed unjudged, because the options say so.</summary>
    public const string FailedOpen = "guardsharp.failed_open";

    /// <summary>The word for a reason: unsafe, guard-error, guard-timeout, content-not-allowed, output-too-long.</summary>
    public static string NameOf(BlockReason reason) => reason switch
    {
        BlockReason.Unsafe => "unsafe",
        BlockReason.GuardError => "guard-error",
        BlockReason.GuardTimeout => "guard-timeout",
        BlockReason.ContentNotAllowed => "content-not-allowed",
        BlockReason.OutputTooLong => "output-too-long",
        _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, "Not a reason."),
    };

    /// <summary>The word for a stage: input or output.</summary>
    public static string NameOf(GuardStage stage) => stage == GuardStage.Input ? "input" : "output";

    /// <summary>The verdict that decided about a response; null where none was given.</summary>
    public static Verdict? GetVerdict(this ChatResponse response) => Find(response, Verdict) as Verdict;

    /// <summary>Why a response is a refusal of the guard's, as <see cref="NameOf(BlockReason)"/> writes it; null where it is none.</summary>
    public static string? GetBlockReason(this ChatResponse response) => Find(response, Blocked) as string;

    /// <summary>Whether a response is a refusal of the guard's, or ends in one.</summary>
    public static bool IsBlocked(this ChatResponse response) => Find(response, Blocked) is not null;

    /// <summary>Whether anything of a response passed unjudged because the guard failed.</summary>
    public static bool HasFailedOpen(this ChatResponse response) => Find(response, FailedOpen) is true;

    // Of streamed updates that name their message, ToChatResponse gives the properties to the message.
    private static object? Find(ChatResponse response, string key)
    {
        ArgumentNullException.ThrowIfNull(response);
        return response.AdditionalProperties?.GetValueOrDefault(key)
            ?? response.Messages.Select(message => message.AdditionalProperties?.GetValueOrDefault(key)).LastOrDefault(value => value is not null);
    }
}
