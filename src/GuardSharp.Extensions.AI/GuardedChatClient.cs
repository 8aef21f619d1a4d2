using System.Runtime.CompilerServices;
using GuardSharp.Extensions.AI.Judging;
using GuardSharp.Extensions.AI.Streaming;
using GuardSharp.Extensions.AI.Telemetry;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace GuardSharp.Extensions.AI;

/// <summary>A chat client with a guard around it: judges what goes to the model, what it answers, or both.</summary>
/// <remarks>
/// What is blocked comes back as one assistant message with the refusal, <see cref="ChatFinishReason.ContentFilter"/> and the verdict in
/// <c>AdditionalProperties</c> (<see cref="GuardProperties"/>). Text of a stream leaves only once the guard has judged the prompt and everything
/// up to there safe. Where the guard fails or is late, nothing passes, unless <see cref="GuardedChatOptions.FailOpen"/>. Never changes the
/// caller's messages or options. Safe from any thread, as the inner client is; does not own the guard. More: docs/chat.md.
/// </remarks>
public sealed class GuardedChatClient : DelegatingChatClient
{
    private readonly IGuard _guard;
    private readonly GuardedChatOptions _options;
    private readonly ChatTelemetry _telemetry;
    private readonly ContentReader _reader;
    private readonly ChatJudge _judge;

    /// <summary>Puts a guard around a client.</summary>
    /// <param name="inner">The client; disposed with this one.</param>
    /// <param name="guard">The guard; the caller's.</param>
    /// <param name="options">What to judge; null: the defaults.</param>
    /// <param name="logger">Hears of what is blocked, by codes and numbers; null: nobody does.</param>
    /// <exception cref="ArgumentException">An option is outside its range.</exception>
    public GuardedChatClient(IChatClient inner, IGuard guard, GuardedChatOptions? options = null, ILogger<GuardedChatClient>? logger = null) : base(inner)
    {
        ArgumentNullException.ThrowIfNull(guard);
        _guard = guard;
        _options = options ?? new GuardedChatOptions();
        _options.Validate();
        _telemetry = new ChatTelemetry(logger ?? NullLogger<GuardedChatClient>.Instance);
        _reader = new ContentReader(_options);
        _judge = new ChatJudge(guard, _options, _telemetry);
    }

    /// <inheritdoc/>
    /// <exception cref="GuardException">The guard failed and <see cref="GuardedChatOptions.ThrowOnGuardError"/> is set, or the options hold a continuation token.</exception>
    public override async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        IReadOnlyList<ChatMessage> sent = [.. messages];
        var turns = Read(sent, options, out var refused);
        if (refused is not null)
            return Refuse(refused);
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var answer = _options.RaceInput ? base.GetResponseAsync(sent, options, cancellation.Token) : null;
        try
        {
            var input = await JudgeInputAsync(turns, cancellationToken).ConfigureAwait(false);
            if (input.Block is { } block)
                return Refuse(block);
            answer ??= base.GetResponseAsync(sent, options, cancellation.Token);
            var response = await answer.ConfigureAwait(false);
            return _options.Filters.HasFlag(GuardFilters.Output)
                ? await JudgeOutputAsync(response, turns, input, cancellationToken).ConfigureAwait(false)
                : Responses.Judged(response, input, null);
        }
        finally
        {
            if (answer is not null)
            {
                // Where nobody waited for it, it ends, and its error is no unobserved one.
                if (!answer.IsCompleted)
                    await cancellation.CancelAsync().ConfigureAwait(false);
                _ = answer.ContinueWith(static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            }
        }
    }

    /// <inheritdoc/>
    /// <exception cref="GuardException">The guard failed and <see cref="GuardedChatOptions.ThrowOnGuardError"/> is set, or the options hold a continuation token.</exception>
    public override async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        IReadOnlyList<ChatMessage> sent = [.. messages];
        var turns = Read(sent, options, out var refused);
        if (refused is not null)
        {
            yield return RefuseUpdate(refused, null, spoken: false);
            yield break;
        }

        InnerStream? inner = _options.RaceInput ? new InnerStream(InnerClient, sent, options, cancellationToken) : null;
        try
        {
            inner?.Start();
            var input = await JudgeInputAsync(turns, cancellationToken).ConfigureAwait(false);
            if (input.Block is { } block)
            {
                await EndAsync(inner).ConfigureAwait(false);
                yield return RefuseUpdate(block, null, spoken: false);
                yield break;
            }

            inner ??= new InnerStream(InnerClient, sent, options, cancellationToken);
            var released = _options.Filters.HasFlag(GuardFilters.Output)
                ? JudgeOutputAsync(inner, turns, input, cancellationToken)
                : PassAsync(inner, input);
            await foreach (var update in released.ConfigureAwait(false))
                yield return update;
        }
        finally
        {
            await EndAsync(inner).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public override object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is null && serviceType.IsInstanceOfType(this) ? this
            : serviceKey is null && serviceType == typeof(IGuard) ? _guard
            : base.GetService(serviceType, serviceKey);
    }

    private async IAsyncEnumerable<ChatResponseUpdate> JudgeOutputAsync(
        InnerStream inner, TurnList turns, Judged input, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var stream = new GuardedStream(_judge, _reader, turns);
        ChatResponseUpdate? last = null;
        var spoken = false;
        while (stream.Block is null && await inner.MoveNextAsync().ConfigureAwait(false))
        {
            foreach (var update in await stream.AppendAsync(inner.Current, cancellationToken).ConfigureAwait(false))
            {
                if (stream.Block is not null)
                    await inner.DisposeAsync().ConfigureAwait(false);
                spoken |= update.Contents.Count > 0;
                yield return last = update;
            }
        }

        if (stream.Block is null)
        {
            var rest = await stream.CompleteAsync(cancellationToken).ConfigureAwait(false);
            foreach (var update in rest.SkipLast(1))
                yield return update;
            // Where it is blocked now, there is no rest.
            if (stream.Block is null)
                yield return Responses.Judged(rest.Count > 0 ? rest[^1] : null, last, stream, input);
        }

        if (stream.Block is { } block)
        {
            await inner.DisposeAsync().ConfigureAwait(false);
            yield return RefuseUpdate(block, last, spoken);
        }
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> PassAsync(InnerStream inner, Judged input)
    {
        var first = true;
        while (await inner.MoveNextAsync().ConfigureAwait(false))
        {
            yield return first ? Responses.Judged(inner.Current, input) : inner.Current;
            first = false;
        }
    }

    private async Task<ChatResponse> JudgeOutputAsync(ChatResponse response, TurnList turns, Judged input, CancellationToken cancellationToken)
    {
        var answer = new WholeAnswer(_judge, _reader, turns);
        if (await answer.JudgeAsync(response.Messages, cancellationToken).ConfigureAwait(false) is { } block)
            return Refuse(block, response);
        var judged = answer.Latest.Verdict is null ? input : answer.Latest;
        return Responses.Judged(response, judged with { FailedOpen = answer.FailedOpen || input.FailedOpen }, answer.Withheld ? _reader : null);
    }

    /// <summary>What the guard will see; content it must not pass is refused before the model hears of it.</summary>
    private TurnList Read(IReadOnlyList<ChatMessage> messages, ChatOptions? options, out BlockedChat? refused)
    {
        if (options?.ContinuationToken is not null)
        {
            throw new GuardException(
                "The options hold a continuation token: the guard would see the rest of an answer without its beginning. Ask again without it.");
        }

        refused = null;
        try
        {
            return _reader.Read(messages, options);
        }
        catch (ContentNotAllowedException error)
        {
            refused = new BlockedChat(GuardStage.Input, BlockReason.ContentNotAllowed, null) { Error = error };
            return new TurnList();
        }
    }

    private ValueTask<Judged> JudgeInputAsync(TurnList turns, CancellationToken cancellationToken) =>
        _options.Filters.HasFlag(GuardFilters.Input) ? _judge.JudgeInputAsync(turns, cancellationToken) : default;

    private ChatResponse Refuse(BlockedChat block, ChatResponse? response = null)
    {
        _telemetry.Blocked(block);
        return Responses.Refused(block, TextOf(block), response);
    }

    private ChatResponseUpdate RefuseUpdate(BlockedChat block, ChatResponseUpdate? last, bool spoken)
    {
        _telemetry.Blocked(block);
        return Responses.RefusedUpdate(block, TextOf(block), last, spoken);
    }

    private string TextOf(BlockedChat block) => _options.RefusalFor?.Invoke(block) ?? _options.Refusal;

    private static ValueTask EndAsync(InnerStream? inner) => inner?.DisposeAsync() ?? ValueTask.CompletedTask;
}
