using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Server.Judging;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace GuardSharp.Server.Endpoints.Moderations;

/// <summary><c>POST /v1/moderations</c>: OpenAI's form, Mistral's, which is the same with other categories, and the Llama API's, told apart by <c>messages</c>.</summary>
internal sealed class ModerationEndpoint(
    FormJudging judging, ConversationReader conversations, ModerationResults results, IOptions<FormOptions> options, IOptions<ServerOptions> server)
{
    private readonly IReadOnlyDictionary<string, string> _llamaNames = CategoryTables.LlamaApi.With(options.Value.LlamaApiCategories);

    /// <summary>Answers a request.</summary>
    public async Task<IResult> AnswerAsync(HttpContext context)
    {
        using var body = await RequestJson.ReadAsync(context).ConfigureAwait(false);
        var root = body.Root;
        var model = root.OptionalText("model");
        // Of two contents one would go unjudged.
        if (root.Optional("messages") is not null && root.Optional("input") is not null)
            throw ApiException.BadRequest("There are both input and messages. Send one of them.", "messages");
        return root.Optional("messages") is { } messages
            ? FormJson.Answer(await JudgeMessagesAsync(context, messages, model).ConfigureAwait(false))
            : FormJson.Answer(await JudgeInputAsync(context, root, model).ConfigureAwait(false));
    }

    private async Task<LlamaModerationAnswer> JudgeMessagesAsync(HttpContext context, JsonElement messages, string? model)
    {
        var conversation = await conversations.ReadMessagesAsync(context, messages, "messages").ConfigureAwait(false);
        var judgement = await judging.JudgeAsync(context, conversation, model).ConfigureAwait(false);
        var verdict = judgement.Verdict;
        return new(judgement.Id, verdict.Model, [new(verdict.Unsafe, [.. verdict.Categories.Select(code => _llamaNames.GetValueOrDefault(code, code))])]);
    }

    private async Task<ModerationAnswer> JudgeInputAsync(HttpContext context, JsonElement root, string? model)
    {
        if (root.Optional("input") is not { } input)
            throw ApiException.BadRequest("There is neither input nor messages. Send the text, a list of texts, or a list of parts as input.", "input");
        var inputs = await ReadInputAsync(context, input).ConfigureAwait(false);
        var judgements = await judging.JudgeAllAsync(context, inputs, model).ConfigureAwait(false);
        return results.Tell(judgements, inputs, asMistral: model?.StartsWith("mistral-", StringComparison.Ordinal) == true);
    }

    private async Task<IReadOnlyList<Conversation>> ReadInputAsync(HttpContext context, JsonElement input)
    {
        switch (input.ValueKind)
        {
            case JsonValueKind.String:
                return [OneText(input, "input")];
            case JsonValueKind.Array when input.GetArrayLength() == 0:
                throw ApiException.BadRequest("input is an empty list. Send at least one text or part.", "input");
            case JsonValueKind.Array when input[0].ValueKind == JsonValueKind.Object:
                // A list of parts is one input: a text and its pictures are judged together.
                return [await conversations.ReadPartsAsync(context, input, "input").ConfigureAwait(false)];
            case JsonValueKind.Array:
                RequestFields.CheckInputs("input", input.GetArrayLength(), server.Value.MaxBatchInputs);
                return [.. input.EnumerateArray().Select((text, index) => OneText(text, $"input[{index}]"))];
            default:
                throw JsonElementExtensions.Wrong("input", input.ValueKind, "a string, a list of strings, or a list of parts");
        }
    }

    private static Conversation OneText(JsonElement text, string name) =>
        text.Text(name) is var value && string.IsNullOrWhiteSpace(value)
            ? throw ApiException.BadRequest($"{name} holds nothing but blanks, and there is nothing to judge. Leave it out.", "input")
            : Conversation.OfUser(value);
}

/// <summary>Writes judgements as results of OpenAI's and Mistral's forms.</summary>
internal sealed class ModerationResults(IOptions<FormOptions> options)
{
    private readonly CategoryMap _openAI = new(CategoryTables.OpenAIKeys, CategoryTables.OpenAI.With(options.Value.OpenAICategories));
    private readonly CategoryMap _mistral = new(CategoryTables.MistralKeys, CategoryTables.Mistral.With(options.Value.MistralCategories));

    /// <summary>The answer for judgements and the inputs they are of.</summary>
    /// <param name="judgements">At least one.</param>
    /// <param name="inputs">As many.</param>
    /// <param name="asMistral">Whether categories are Mistral's.</param>
    public ModerationAnswer Tell(IReadOnlyList<Judgement> judgements, IReadOnlyList<Conversation> inputs, bool asMistral) => new(
        judgements[0].Id,
        judgements[0].Verdict.Model,
        [.. judgements.Select((judgement, index) => Tell(judgement, inputs[index], asMistral))]);

    private ModerationResult Tell(Judgement judgement, Conversation input, bool asMistral)
    {
        var verdict = judgement.Verdict;
        var categories = (asMistral ? _mistral : _openAI).Tell(verdict, InputTypes(input));
        return new ModerationResult
        {
            Flagged = verdict.Unsafe,
            Categories = categories.Flags,
            CategoryScores = categories.Scores,
            CategoryAppliedInputTypes = asMistral ? null : categories.InputTypes,
            UnsafeProbability = verdict.UnsafeProbability,
            DecisionId = judgement.Id,
            Warnings = verdict.Warnings.Count > 0 ? verdict.Warnings : null,
        };
    }

    private static IReadOnlyList<string> InputTypes(Conversation input)
    {
        var parts = input.Turns.SelectMany(turn => turn.Parts).ToArray();
        var image = parts.Any(part => part is ImagePart);
        return !image ? ["text"] : parts.All(part => part is ImagePart) ? ["image"] : ["text", "image"];
    }
}
