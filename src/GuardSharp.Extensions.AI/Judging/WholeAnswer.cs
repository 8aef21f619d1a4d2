using GuardSharp.Conversations;
using GuardSharp.Extensions.AI.Streaming;
using Microsoft.Extensions.AI;

namespace GuardSharp.Extensions.AI.Judging;

/// <summary>Judges an answer that is there as a whole: each message with all before it as context, as <see cref="GuardedStream"/> ends.</summary>
internal sealed class WholeAnswer(ChatJudge judge, ContentReader reader, TurnList prompt)
{
    /// <summary>The latest judgement.</summary>
    public Judged Latest { get; private set; }

    /// <summary>Whether anything passed because the guard failed.</summary>
    public bool FailedOpen { get; private set; }

    /// <summary>Whether anything must be left out.</summary>
    public bool Withheld { get; private set; }

    /// <summary>Judges all messages.</summary>
    /// <returns>Why they must not be released; null: they may.</returns>
    public async ValueTask<BlockedChat?> JudgeAsync(IEnumerable<ChatMessage> messages, CancellationToken cancellationToken)
    {
        var context = prompt;
        var characters = 0;
        foreach (var chat in messages)
        {
            var message = new PrefixGuard(judge, context);
            try
            {
                Append(message, chat);
            }
            catch (ContentNotAllowedException error)
            {
                return new BlockedChat(GuardStage.Output, BlockReason.ContentNotAllowed, null) { Error = error };
            }

            characters += message.Length;
            if (characters > judge.Options.MaxOutputCharacters)
                return new BlockedChat(GuardStage.Output, BlockReason.OutputTooLong, null);
            if (await message.CompleteAsync(cancellationToken).ConfigureAwait(false) is { } block)
                return block;
            FailedOpen |= message.Latest.FailedOpen;
            Latest = message.Latest.Verdict is null ? Latest : message.Latest;
            context = message.Context();
        }

        return null;
    }

    private void Append(PrefixGuard message, ChatMessage chat)
    {
        var role = chat.Role == ChatRole.Tool ? Role.Tool : Role.Assistant;
        foreach (var content in chat.Contents)
        {
            var read = reader.Read(content, role, output: true);
            Withheld |= read.Kind == ContentKind.Withheld || content is TextContent { Annotations.Count: > 0 };
            if (read.Kind == ContentKind.Whole)
                message.Append(role, read.Parts);
            else if (read.Kind is ContentKind.Text or ContentKind.Reasoning && read.Text.Length > 0)
                message.Append(role, read.Text, read.Kind == ContentKind.Reasoning);
        }
    }
}
