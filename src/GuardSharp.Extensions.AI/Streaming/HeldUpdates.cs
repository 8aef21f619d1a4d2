using System.Text;
using GuardSharp.Extensions.AI.Judging;
using Microsoft.Extensions.AI;

namespace GuardSharp.Extensions.AI.Streaming;

/// <summary>Updates that wait for their judgement, in order.</summary>
internal sealed class HeldUpdates
{
    private readonly LinkedList<Held> _held = [];

    /// <summary>Holds a content.</summary>
    /// <param name="update">The update it came in.</param>
    /// <param name="content">The content.</param>
    /// <param name="start">Its position in its message.</param>
    /// <param name="length">Its length there.</param>
    /// <param name="kind">How it is treated.</param>
    public void Add(ChatResponseUpdate update, AIContent content, int start, int length, ContentKind kind) =>
        _held.AddLast(new Held(update, kind == ContentKind.Withheld ? null : content, start, length, kind));

    /// <summary>Holds an update without content to judge: it keeps its place behind what came before it.</summary>
    public void Add(ChatResponseUpdate rest) => _held.AddLast(new Held(rest, null, 0, 0, ContentKind.Free));

    /// <summary>What is left of an update without what is judged: numbers, metadata, the reason why the answer ends.</summary>
    /// <param name="update">The update.</param>
    /// <param name="contents">Its contents that need no judgement.</param>
    public static ChatResponseUpdate Rest(ChatResponseUpdate update, IList<AIContent> contents)
    {
        var rest = Stripped(update, contents);
        rest.FinishReason = update.FinishReason;
        return rest;
    }

    /// <summary>Takes out what may be released.</summary>
    /// <param name="position">Up to where its message is judged.</param>
    /// <param name="all">Whether the message is complete and safe: reasons why it ends and blanks behind it leave too.</param>
    public List<ChatResponseUpdate> Release(int position, bool all)
    {
        List<ChatResponseUpdate> before = [], behind = [];
        var contents = new List<AIContent>();
        ChatResponseUpdate? last = null;
        while (_held.First is { } node)
        {
            var held = node.Value;
            if (held.Kind == ContentKind.Free)
            {
                if (held.Update.FinishReason is not null && !all)
                    break;
                (last is null ? before : behind).Add(held.Update);
                _held.RemoveFirst();
                continue;
            }

            if (held.Length > 0 && held.Start >= position)
                break;
            last = held.Update;
            var taken = Math.Min(held.Length, position - held.Start);
            if (held.Content is { } content)
                Take(content, held, taken, contents);
            if (taken < held.Length)
            {
                node.Value = held with { Start = held.Start + taken, Length = held.Length - taken, Skipped = held.Skipped + taken };
                break;
            }

            _held.RemoveFirst();
        }

        if (last is not null)
            before.Add(Stripped(last, Joined(contents)));
        before.AddRange(behind);
        return before;
    }

    private static void Take(AIContent content, Held held, int taken, List<AIContent> contents)
    {
        var end = held.Skipped + taken;
        contents.Add(content switch
        {
            // Annotations and other additions of a text may quote what is still held, and nobody judged them.
            TextContent text => new TextContent(text.Text[held.Skipped..end]),
            TextReasoningContent reasoning => new TextReasoningContent(reasoning.Text[held.Skipped..end])
            {
                ProtectedData = taken == held.Length ? reasoning.ProtectedData : null,
            },
            _ => content,
        });
    }

    /// <summary>Neighbouring texts as one.</summary>
    private static List<AIContent> Joined(List<AIContent> contents)
    {
        var joined = new List<AIContent>();
        for (var i = 0; i < contents.Count; i++)
        {
            if (contents[i] is not TextContent)
            {
                joined.Add(contents[i]);
                continue;
            }

            var text = new StringBuilder();
            for (; i < contents.Count && contents[i] is TextContent part; i++)
                text.Append(part.Text);
            i--;
            if (text.Length > 0)
                joined.Add(new TextContent(text.ToString()));
        }

        return joined;
    }

    // Raw representations and additional properties (log probabilities by token, say) may tell what is still held.
    private static ChatResponseUpdate Stripped(ChatResponseUpdate update, IList<AIContent> contents)
    {
        var stripped = update.Clone();
        stripped.Contents = contents;
        stripped.RawRepresentation = null;
        stripped.AdditionalProperties = null;
        stripped.FinishReason = null;
        return stripped;
    }

    private readonly record struct Held(ChatResponseUpdate Update, AIContent? Content, int Start, int Length, ContentKind Kind, int Skipped = 0);
}
