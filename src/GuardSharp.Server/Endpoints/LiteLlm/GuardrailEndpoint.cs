using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Policies;
using GuardSharp.Server.Guards;
using GuardSharp.Server.Judging;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace GuardSharp.Server.Endpoints.LiteLlm;

/// <summary><c>POST /beta/litellm_basic_guardrail_api</c>: LiteLLM's generic guardrail.</summary>
/// <remarks>
/// A request's texts and pictures are judged as the user's, a response's as the assistant's. With <c>structured_messages</c> the conversation is
/// judged as one, and alone only what it does not hold. Definitions of tools are not judged; calls of tools are.
/// </remarks>
internal sealed class GuardrailEndpoint(FormJudging judging, ConversationReader conversations, GuardRegistry guards, IOptions<ServerOptions> server)
{
    // A response is judged as an answer to something, and LiteLLM does not always say to what.
    private static readonly Turn _unknownQuestion = Turn.User("(The user's message is not known.)");

    /// <summary>Answers a request.</summary>
    public async Task<IResult> AnswerAsync(HttpContext context)
    {
        using var body = await RequestJson.ReadAsync(context).ConfigureAwait(false);
        var root = body.Root;
        // LiteLLM's own "model" is the one behind the gateway, not the guard.
        var model = root.Optional("additional_provider_specific_params") is { } own && own.ValueKind == JsonValueKind.Object ? own.OptionalText("model") : null;
        var input = await ReadAsync(context, root).ConfigureAwait(false);
        var judgements = await JudgeAsync(context, input, model).ConfigureAwait(false);
        var found = judgements.Where(judgement => judgement.Verdict.Unsafe).ToArray();
        return FormJson.Answer(new GuardrailAnswer(
            found.Length > 0 ? "BLOCKED" : "NONE", found.Length > 0 ? Reason(found) : null, [.. judgements.Select(judgement => judgement.Id)]));
    }

    private async Task<GuardrailInput> ReadAsync(HttpContext context, JsonElement root)
    {
        var limit = server.Value.MaxBatchInputs;
        var response = root.OptionalText("input_type") switch
        {
            null or "request" => false,
            "response" => true,
            _ => throw ApiException.BadRequest("input_type is neither request nor response.", "input_type"),
        };
        string[] texts = [.. root.OptionalList("texts", limit).Select(text => text.Text("texts")).Where(text => !string.IsNullOrWhiteSpace(text)).Distinct()];
        string[] encoded = [.. root.OptionalList("images", limit).Select(image => image.Text("images"))];
        var images = await conversations.ReadImagesAsync(context, encoded, "images").ConfigureAwait(false);
        ContentPart[] calls = [.. root.OptionalList("tool_calls", limit).Select(Call)];
        if (root.Optional("structured_messages") is { } other && other.ValueKind != JsonValueKind.Array)
            throw JsonElementExtensions.Wrong("structured_messages", other.ValueKind, "a list of messages");
        var messages = root.Optional("structured_messages") is { } list && list.GetArrayLength() > 0
            ? (await conversations.ReadMessagesAsync(context, list, "structured_messages").ConfigureAwait(false)).Turns
            : [];
        return new GuardrailInput(response, texts, images, calls, messages);
    }

    private static ToolCallPart Call(JsonElement call)
    {
        if (call.ValueKind != JsonValueKind.Object || call.OptionalObject("function") is not { } function)
            throw ApiException.BadRequest("tool_calls holds a call without function.", "tool_calls");
        var arguments = function.Optional("arguments") switch
        {
            null => "{}",
            { ValueKind: JsonValueKind.String } text => text.GetString()!,
            var other => other.Value.GetRawText(),
        };
        return new ToolCallPart(function.OptionalText("name") ?? "", arguments);
    }

    private async Task<IReadOnlyList<Judgement>> JudgeAsync(HttpContext context, GuardrailInput input, string? model)
    {
        var pictures = Math.Max(1, (guards.Find(model) ?? throw ApiException.UnknownModel(model!)).Guard.Capabilities.MaxImages);
        if (input.Messages.Count > 0)
        {
            try
            {
                var (whole, left) = input.InContext();
                return await judging.JudgeAllAsync(context, [.. whole, .. left.Alone(_unknownQuestion, pictures)], model).ConfigureAwait(false);
            }
            catch (ApiException error) when (error.Code == ApiError.InvalidConversation)
            {
                // Gateways pass on conversations that do not alternate; text by text they can be judged all the same.
            }
        }

        var alone = input.WithoutContext().Alone(_unknownQuestion, pictures);
        return alone.Count > 0
            ? await judging.JudgeAllAsync(context, alone, model).ConfigureAwait(false)
            : throw ApiException.BadRequest("There is nothing to judge: texts, images, tool_calls and structured_messages are empty.", "texts");
    }

    private static string Reason(Judgement[] found)
    {
        string[] codes = [.. found.SelectMany(judgement => judgement.Verdict.Categories).Distinct()];
        var names = codes.Select(code => HazardTaxonomy.Find(code) is { } entry ? $"{code} {entry.CardName}" : code);
        return codes.Length > 0 ? $"unsafe: {string.Join(", ", names)}" : "unsafe";
    }
}
