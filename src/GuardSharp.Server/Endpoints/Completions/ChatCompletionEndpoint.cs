using System.Text.Json;
using GuardSharp.Policies;
using GuardSharp.Server.Judging;
using Microsoft.AspNetCore.Http;

namespace GuardSharp.Server.Endpoints.Completions;

/// <summary><c>POST /v1/chat/completions</c>: the guard's template is applied to <c>messages</c>, and its words are the assistant's message.</summary>
/// <remarks>
/// As on a server that hosts a Llama Guard: sampling settings, lengths, stop words and tools change nothing. <c>chat_template_kwargs</c> may hold
/// <c>categories</c> and <c>excluded_category_keys</c> as the published templates read them.
/// </remarks>
internal sealed class ChatCompletionEndpoint(FormJudging judging, ConversationReader conversations, PromptPolicies policies, TimeProvider time)
{
    /// <summary>Answers a request.</summary>
    public async Task<IResult> AnswerAsync(HttpContext context)
    {
        using var body = await RequestJson.ReadAsync(context).ConfigureAwait(false);
        var root = body.Root;
        Check(root);
        if (root.Optional("messages") is not { } messages)
            throw ApiException.BadRequest("messages is missing. Send the conversation; its last message is judged.", "messages");
        var (wanted, top) = Probabilities(root);
        var stream = root.OptionalFlag("stream");
        var usageChunk = root.Optional("stream_options") is { } options && options.ValueKind == JsonValueKind.Object && options.OptionalFlag("include_usage");
        var model = root.OptionalText("model");
        var policy = policies.FromTemplateArguments(root, model);
        var conversation = await conversations.ReadMessagesAsync(context, messages, "messages").ConfigureAwait(false);
        var judgement = await judging.JudgeAsync(context, conversation, model, policy?.Policy).ConfigureAwait(false);
        var answer = policy?.Write(judgement.Verdict) ?? GuardAnswer.Of(judgement.Verdict);
        var probabilities = wanted ? ChatLogProbabilities.Of(answer, top) : null;
        return stream
            ? new EventStream<ChatCompletionAnswer>(Chunks(judgement, answer, probabilities, usageChunk))
            : FormJson.Answer(Whole(judgement, answer, probabilities));
    }

    private static void Check(JsonElement root)
    {
        // Several answers of a guard would all be the same, and JSON is not what it speaks: better an error than a wrong answer.
        root.OptionalWhole("n", 1, 1);
        if (root.Optional("response_format") is { } format && format.ValueKind == JsonValueKind.Object && format.OptionalText("type") is not (null or "text"))
            throw ApiException.BadRequest("response_format asks for JSON, but a guard answers \"safe\" or \"unsafe\" and codes. Leave it out; POST /v1/guard/classify answers in JSON.", "response_format");
    }

    private static (bool Wanted, int Top) Probabilities(JsonElement root)
    {
        var top = root.OptionalWhole("top_logprobs", 0, 20);
        var wanted = root.OptionalFlag("logprobs");
        return wanted || top is null or 0 ? (wanted, top ?? 0) : throw ApiException.BadRequest("top_logprobs needs logprobs to be true.", "top_logprobs");
    }

    private ChatCompletionAnswer Whole(Judgement judgement, GuardAnswer answer, ChatLogProbabilities? probabilities) => new()
    {
        Id = judgement.Id,
        Object = "chat.completion",
        Created = time.GetUtcNow().ToUnixTimeSeconds(),
        Model = judgement.Verdict.Model,
        Choices = [new ChatChoice { Message = new("assistant", answer.Text), Logprobs = probabilities, FinishReason = "stop" }],
        Usage = Usage(judgement.Verdict, answer),
        Warnings = judgement.Verdict.Warnings.Count > 0 ? judgement.Verdict.Warnings : null,
    };

    private IEnumerable<ChatCompletionAnswer> Chunks(Judgement judgement, GuardAnswer answer, ChatLogProbabilities? probabilities, bool usage)
    {
        var chunk = Whole(judgement, answer, probabilities) with { Object = "chat.completion.chunk", Usage = null };
        yield return chunk with { Choices = [new ChatChoice { Delta = new("assistant", answer.Text), Logprobs = probabilities }] };
        chunk = chunk with { Warnings = null };
        yield return chunk with { Choices = [new ChatChoice { Delta = new(null, null), FinishReason = "stop" }] };
        if (usage)
            yield return chunk with { Choices = [], Usage = Usage(judgement.Verdict, answer) };
    }

    private static TokenUsage Usage(Verdict verdict, GuardAnswer answer) => TokenUsage.Of(verdict.PromptTokens, answer.Tokens.Count);
}
