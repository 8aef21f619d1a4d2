using System.Text.Json;
using GuardSharp.Server.Judging;
using GuardSharp.Server.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace GuardSharp.Server.Endpoints.Completions;

/// <summary><c>POST /v1/completions</c>: prompts that already have a guard's template, as NeMo Guardrails and scripts for vLLM send them.</summary>
/// <remarks>
/// For keys with <see cref="CallerRights.ReadyPrompts"/> only, and for known templates only. Nothing is ever judged here as plain text: a
/// template taken for a message would be judged with the words of its policy around it, and come out as neither.
/// </remarks>
internal sealed class CompletionEndpoint(
    FormJudging judging, PromptPolicies policies, ConversationLimits limits, IOptions<ServerOptions> server, TimeProvider time)
{
    /// <summary>Answers a request.</summary>
    public async Task<IResult> AnswerAsync(HttpContext context)
    {
        var caller = context.GetCaller();
        if (!caller.May(CallerRights.ReadyPrompts))
        {
            throw new ApiException(
                403, "permission_error",
                "This key may not send ready prompts: who may can pass off any text as the whole prompt. Send the messages to /v1/chat/completions or /v1/moderations, or give the key AllowReadyPrompts.",
                "ready_prompts_not_allowed");
        }

        using var body = await RequestJson.ReadAsync(context).ConfigureAwait(false);
        var root = body.Root;
        root.OptionalWhole("n", 1, 1);
        root.OptionalWhole("best_of", 1, 1);
        if (root.OptionalFlag("echo"))
            throw ApiException.BadRequest("echo is not offered: the answer holds the guard's words alone.", "echo");
        var top = root.OptionalWhole("logprobs", 0, 20);
        var stream = root.OptionalFlag("stream");
        var usageChunk = root.Optional("stream_options") is { } streaming && streaming.ValueKind == JsonValueKind.Object && streaming.OptionalFlag("include_usage");
        var model = root.OptionalText("model");
        var prompts = ReadPrompts(root);
        var asked = prompts.Select(prompt => policies.Make(prompt.Categories, model, "prompt")).ToArray();
        var judgements = await judging.JudgeAllAsync(
            context, [.. prompts.Select(prompt => prompt.Conversation)], model, [.. asked.Select(policy => policy.Policy)]).ConfigureAwait(false);
        var whole = Whole([.. judgements.Zip(asked, (judgement, policy) => (judgement, policy.Write(judgement.Verdict)))], top);
        return stream ? new EventStream<CompletionAnswer>(Chunks(whole, usageChunk)) : FormJson.Answer(whole);
    }

    private ReadyPrompt[] ReadPrompts(JsonElement root)
    {
        if (root.Optional("prompt") is not { } prompt)
            throw ApiException.BadRequest("prompt is missing. Send a prompt in a Llama Guard's template.", "prompt");
        if (prompt.ValueKind == JsonValueKind.String)
            return [ReadyPrompt.Parse(prompt.Text("prompt"), limits)];
        var prompts = root.OptionalList("prompt", server.Value.MaxBatchInputs);
        return prompts.Count > 0 && prompts.All(text => text.ValueKind == JsonValueKind.String)
            ? [.. prompts.Select(text => ReadyPrompt.Parse(text.Text("prompt"), limits))]
            : throw ApiException.BadRequest("prompt is a list, but not of strings. Send texts: numbers of tokens are not read, for they could be special ones.", "prompt");
    }

    private CompletionAnswer Whole((Judgement Judgement, GuardAnswer Answer)[] judged, int? top) => new()
    {
        Id = judged[0].Judgement.Id,
        Created = time.GetUtcNow().ToUnixTimeSeconds(),
        Model = judged[0].Judgement.Verdict.Model,
        Choices =
        [
            .. judged.Select((one, index) => new CompletionChoice(index, one.Answer.Text)
            {
                Logprobs = top is { } most ? TextLogProbabilities.Of(one.Answer, most) : null,
                FinishReason = "stop",
            }),
        ],
        Usage = TokenUsage.Of(judged.Sum(one => one.Judgement.Verdict.PromptTokens), judged.Sum(one => one.Answer.Tokens.Count)),
    };

    private static IEnumerable<CompletionAnswer> Chunks(CompletionAnswer whole, bool usage)
    {
        foreach (var choice in whole.Choices)
        {
            yield return whole with { Choices = [choice with { FinishReason = null }], Usage = null };
            yield return whole with { Choices = [choice with { Text = "", Logprobs = null }], Usage = null };
        }

        if (usage)
            yield return whole with { Choices = [] };
    }
}
