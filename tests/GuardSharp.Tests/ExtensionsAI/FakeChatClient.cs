using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace GuardSharp.Tests.ExtensionsAI;

/// <summary>A model that says what it is told to, and keeps what it was asked and how its stream ended.</summary>
internal sealed class FakeChatClient(params IReadOnlyList<ChatResponseUpdate> updates) : IChatClient
{
    /// <summary>What each call says, in their order; the last is said again.</summary>
    public IReadOnlyList<IReadOnlyList<ChatResponseUpdate>> Answers { get; init; } = [updates];

    /// <summary>What is awaited before an update, by its place.</summary>
    public Func<int, CancellationToken, Task>? Before { get; init; }

    public List<IReadOnlyList<ChatMessage>> Asked { get; } = [];

    public List<ChatOptions?> Options { get; } = [];

    /// <summary>Updates that were read.</summary>
    public int Read { get; private set; }

    /// <summary>Whether the stream was ended by its reader or came to its end.</summary>
    public bool Ended { get; private set; }

    public bool Cancelled { get; private set; }

    /// <summary>A model that says one text in pieces.</summary>
    public static FakeChatClient Saying(params string[] pieces) =>
        new([.. pieces.Select(piece => new ChatResponseUpdate(ChatRole.Assistant, piece) { MessageId = "m1", ResponseId = "r1" }), Finish]);

    public static ChatResponseUpdate Finish => new() { MessageId = "m1", ResponseId = "r1", FinishReason = ChatFinishReason.Stop, Contents = [new UsageContent(new UsageDetails { OutputTokenCount = 7 })] };

    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        await GetStreamingResponseAsync(messages, options, cancellationToken).ToChatResponseAsync(cancellationToken);

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var answer = Answers[Math.Min(Asked.Count, Answers.Count - 1)];
        Asked.Add([.. messages]);
        Options.Add(options);
        using var registration = cancellationToken.Register(() => Cancelled = true);
        try
        {
            for (var i = 0; i < answer.Count; i++)
            {
                if (Before is not null)
                    await Before(i, cancellationToken);
                Read++;
                yield return answer[i].Clone();
            }
        }
        finally
        {
            Ended = true;
        }
    }

    public object? GetService(Type serviceType, object? serviceKey = null) => serviceType.IsInstanceOfType(this) ? this : null;

    public void Dispose()
    {
    }
}
