using GuardSharp.Conversations;
using GuardSharp.Extensions.AI.Judging;
using Microsoft.Extensions.AI;

namespace GuardSharp.Extensions.AI.Streaming;

/// <summary>An answer that arrives in updates: takes them in, gives back what may be released.</summary>
/// <remarks>
/// Messages are judged one after another, each with all before it as context. What one judgement lets pass leaves as one update: a piece of it
/// alone would be a text that nobody judged. Not safe for several threads.
/// </remarks>
internal sealed class GuardedStream(ChatJudge judge, ContentReader reader, TurnList prompt)
{
    private readonly HeldUpdates _held = new();
    private PrefixGuard _message = new(judge, prompt);
    private ChatResponseUpdate? _first;
    private int _characters;

    /// <summary>Why nothing more may be released; null: nothing is wrong.</summary>
    public BlockedChat? Block { get; private set; }

    /// <summary>The latest judgement.</summary>
    public Judged Latest { get; private set; }

    /// <summary>Whether anything passed because the guard failed.</summary>
    public bool FailedOpen { get; private set; }

    /// <summary>Takes an update in.</summary>
    /// <returns>What may be released now. When <see cref="Block"/> is set afterwards, these are the last.</returns>
    public async ValueTask<IReadOnlyList<ChatResponseUpdate>> AppendAsync(ChatResponseUpdate update, CancellationToken cancellationToken)
    {
        var released = new List<ChatResponseUpdate>();
        if (StartsMessage(update))
        {
            released.AddRange(await CompleteMessageAsync(cancellationToken).ConfigureAwait(false));
            if (Block is not null)
                return released;
            _message = new PrefixGuard(judge, _message.Context());
            _first = null;
        }

        _first ??= update;
        Hold(update);
        Block ??= await _message.AdvanceAsync(cancellationToken).ConfigureAwait(false);
        Note(_message.Latest);
        released.AddRange(_held.Release(_message.Released, all: false));
        return released;
    }

    /// <summary>The answer is complete.</summary>
    /// <returns>The rest of it, if that may be released.</returns>
    public ValueTask<IReadOnlyList<ChatResponseUpdate>> CompleteAsync(CancellationToken cancellationToken) => CompleteMessageAsync(cancellationToken);

    private async ValueTask<IReadOnlyList<ChatResponseUpdate>> CompleteMessageAsync(CancellationToken cancellationToken)
    {
        Block = await _message.CompleteAsync(cancellationToken).ConfigureAwait(false);
        Note(_message.Latest);
        return Block is null ? _held.Release(_message.Length, all: true) : [];
    }

    private void Note(Judged judged)
    {
        FailedOpen |= judged.FailedOpen;
        if (judged.Verdict is not null)
            Latest = judged;
    }

    // As ChatResponse joins updates: another id or another role is another message.
    private bool StartsMessage(ChatResponseUpdate update) => _first is not null
        && (Differ(_first.MessageId, update.MessageId) || Differ(_first.Role?.Value, update.Role?.Value));

    private static bool Differ(string? one, string? other) => !string.IsNullOrEmpty(one) && !string.IsNullOrEmpty(other) && one != other;

    private void Hold(ChatResponseUpdate update)
    {
        var role = (_first!.Role ?? update.Role) == ChatRole.Tool ? Role.Tool : Role.Assistant;
        var free = new List<AIContent>();
        foreach (var content in update.Contents)
        {
            ReadContent read;
            try
            {
                read = reader.Read(content, role, output: true);
            }
            catch (ContentNotAllowedException error)
            {
                Block = new BlockedChat(GuardStage.Output, BlockReason.ContentNotAllowed, null) { Error = error };
                return;
            }

            if (read.Kind == ContentKind.Free)
                free.Add(content);
            else
                Hold(update, content, read, role);
        }

        if (free.Count > 0 || update.FinishReason is not null || update.Contents.Count == 0)
            _held.Add(HeldUpdates.Rest(update, free));
    }

    private void Hold(ChatResponseUpdate update, AIContent content, ReadContent read, Role role)
    {
        var start = _message.Length;
        if (read.Kind == ContentKind.Whole)
            _message.Append(role, read.Parts);
        else if (read.Kind != ContentKind.Withheld && read.Text.Length > 0)
            _message.Append(role, read.Text, read.Kind == ContentKind.Reasoning);
        var length = _message.Length - start;
        _characters += length;
        if (_characters > judge.Options.MaxOutputCharacters)
            Block = new BlockedChat(GuardStage.Output, BlockReason.OutputTooLong, null);
        _held.Add(update, content, start, length, read.Kind);
    }
}
