using GuardSharp.Conversations;
using GuardSharp.Extensions.AI.Judging;
using GuardSharp.Extensions.AI.Streaming;
using GuardSharp.Extensions.AI.Telemetry;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace GuardSharp.Extensions.AI;

/// <summary>Guards one answer of plain text while it grows, whatever it comes from: text goes in, judged text comes out.</summary>
/// <remarks>
/// What <see cref="GuardedChatClient"/> does for chats, without chats. Everything that came out so far was judged together, as the answer to
/// the prompt, and found safe. The options' output side counts; their filters do not. Not safe for several threads; one call at a time.
/// </remarks>
public sealed class StreamGuard
{
    private readonly ChatTelemetry _telemetry;
    private readonly GuardedChatOptions _options;
    private readonly PrefixGuard _answer;
    private readonly System.Text.StringBuilder _text = new();
    private int _released;
    private bool _complete;

    /// <summary>Begins an answer.</summary>
    /// <param name="guard">The guard; the caller's.</param>
    /// <param name="prompt">What is answered: context of every judgement, itself not judged here.</param>
    /// <param name="options">How to judge; null: the defaults.</param>
    /// <param name="logger">Hears of what is blocked, by codes and numbers; null: nobody does.</param>
    /// <exception cref="ArgumentException">An option is outside its range.</exception>
    public StreamGuard(IGuard guard, Conversation prompt, GuardedChatOptions? options = null, ILogger<StreamGuard>? logger = null)
    {
        ArgumentNullException.ThrowIfNull(guard);
        ArgumentNullException.ThrowIfNull(prompt);
        _options = options ?? new GuardedChatOptions();
        _options.Validate();
        _telemetry = new ChatTelemetry(logger ?? NullLogger<StreamGuard>.Instance);
        var turns = new TurnList();
        foreach (var turn in prompt.Turns)
        {
            foreach (var part in turn.Parts)
                turns.Add(turn.Role, part);
        }

        _answer = new PrefixGuard(new ChatJudge(guard, _options, _telemetry), turns);
    }

    /// <summary>Why nothing more comes out; null: nothing is wrong.</summary>
    public BlockedChat? Block { get; private set; }

    /// <summary>The latest verdict; after <see cref="CompleteAsync"/> that on the whole answer. Null: none yet, or nothing but blanks.</summary>
    public Policies.Verdict? Verdict => Block?.Verdict ?? _answer.Latest.Verdict;

    /// <summary>More of the answer.</summary>
    /// <param name="text">Any piece of it; half of a surrogate pair is fine if the other half follows.</param>
    /// <param name="cancellationToken">Gives the judgement up.</param>
    /// <returns>Text that may be shown now, behind all before it; empty: it is still held.</returns>
    /// <exception cref="GuardException">The guard failed and <see cref="GuardedChatOptions.ThrowOnGuardError"/> is set.</exception>
    /// <exception cref="InvalidOperationException">The answer was completed or blocked.</exception>
    public async ValueTask<string> AppendAsync(string text, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        CheckOpen();
        if (text.Length > 0)
        {
            _text.Append(text);
            _answer.Append(Role.Assistant, text, reasoning: false);
        }

        if (_answer.Length > _options.MaxOutputCharacters)
            End(new BlockedChat(GuardStage.Output, BlockReason.OutputTooLong, null));
        else
            End(await _answer.AdvanceAsync(cancellationToken).ConfigureAwait(false));
        return Release();
    }

    /// <summary>The answer is complete: judges all of it.</summary>
    /// <param name="cancellationToken">Gives the judgement up.</param>
    /// <returns>The rest of the text; empty where <see cref="Block"/> is set, or nothing was left.</returns>
    /// <exception cref="GuardException">The guard failed and <see cref="GuardedChatOptions.ThrowOnGuardError"/> is set.</exception>
    /// <exception cref="InvalidOperationException">The answer was completed or blocked.</exception>
    public async ValueTask<string> CompleteAsync(CancellationToken cancellationToken = default)
    {
        CheckOpen();
        End(await _answer.CompleteAsync(cancellationToken).ConfigureAwait(false));
        _complete = true;
        return Release();
    }

    private string Release()
    {
        var text = _text.ToString(_released, _answer.Released - _released);
        _released = _answer.Released;
        return text;
    }

    private void End(BlockedChat? block)
    {
        if (block is null)
            return;
        Block = block;
        _telemetry.Blocked(block);
    }

    private void CheckOpen()
    {
        if (_complete || Block is not null)
            throw new InvalidOperationException("The answer was completed or blocked: nothing follows. Begin another StreamGuard for another answer.");
    }
}
