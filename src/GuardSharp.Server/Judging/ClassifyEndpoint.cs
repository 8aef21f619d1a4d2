using System.Runtime.InteropServices;
using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Policies;
using GuardSharp.Server.Endpoints;
using GuardSharp.Server.Hosting;
using GuardSharp.Server.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Options;

namespace GuardSharp.Server.Judging;

/// <summary><c>POST /v1/guard/classify</c>: a conversation or a batch of them, judged in our own form, which says all that a verdict holds.</summary>
internal static class ClassifyEndpoint
{
    /// <summary>Where it is, also in records of decisions.</summary>
    public const string Path = "/v1/guard/classify";

    // As much as a policy file may have.
    private const int MaxPolicyBytes = 1 << 20;
    private const int MaxPolicyName = 100;

    // What is judged: one of them.
    private static readonly string[] _contents = ["messages", "conversation", "inputs"];
    private static readonly string[] _keys = [.. _contents, "model", "policy", "threshold", "categoryThresholds"];

    /// <summary>Maps the endpoint.</summary>
    public static IEndpointRouteBuilder MapClassify(this IEndpointRouteBuilder routes)
    {
        routes.MapPost(Path, ClassifyAsync).RequireRights(CallerRights.Classify)
            .WithTags("guard").WithName("classify").WithSummary("Judges the last message of a conversation, or of each conversation of a batch.")
            .WithDescription("With inputs the answer is {\"results\":[{\"index\",\"verdict\",\"error\"}]}: each entry a verdict or an error of its own.")
            .Accepts<ClassifyBody>("application/json").Produces<VerdictBody>().Produces<ApiErrorBody>(400).Produces<ApiErrorBody>(429);
        return routes;
    }

    private static async Task<IResult> ClassifyAsync(HttpContext context, VerdictService service, ConversationReader conversations, IOptions<ServerOptions> options)
    {
        using var body = await RequestJson.ReadAsync(context).ConfigureAwait(false);
        var root = body.Root;
        foreach (var property in root.EnumerateObject())
        {
            if (!_keys.Contains(property.Name))
            {
                throw ApiException.BadRequest($"There is a key that this endpoint does not know; allowed are {string.Join(", ", _keys)}.", code: "unknown_parameter");
            }
        }

        var given = _contents.Where(name => root.Optional(name) is not null).ToList();
        if (given is not [var what])
        {
            throw ApiException.BadRequest("Send one of messages, conversation and inputs.", "messages");
        }

        var template = ReadTemplate(root, context.GetCaller());
        if (what == "inputs")
        {
            var results = await JudgeEachAsync(context, root.GetProperty(what), template, service, conversations, options.Value).ConfigureAwait(false);
            return Results.Json(new BatchBody(results), ServerJson.Options);
        }

        var conversation = await conversations.ReadMessagesAsync(context, Messages(root.GetProperty(what)), "messages").ConfigureAwait(false);
        var judgement = await service.JudgeAsync(template with { Conversation = conversation }, context.RequestAborted).ConfigureAwait(false);
        return Results.Json(VerdictBody.Of(judgement), ServerJson.Options);
    }

    /// <summary>Model, policy and threshold of a request; its conversation is still empty.</summary>
    public static JudgeRequest ReadTemplate(JsonElement root, Caller caller)
    {
        var policy = root.Optional("policy");
        return new JudgeRequest
        {
            Conversation = new Conversation([]),
            Caller = caller,
            Endpoint = Path,
            Model = root.OptionalText("model"),
            PolicyName = policy is { ValueKind: JsonValueKind.String } name ? name.GetString() : null,
            Policy = policy is { } value && value.ValueKind != JsonValueKind.String ? ReadPolicy(value) : null,
            Threshold = root.OptionalNumber("threshold"),
            CategoryThresholds = root.Optional("categoryThresholds") is { } thresholds ? ReadThresholds(thresholds) : null,
        };
    }

    private static Dictionary<string, double> ReadThresholds(JsonElement thresholds) => thresholds.ValueKind == JsonValueKind.Object
        // Each entry's own value: to look it up by its name again would take the square of their number.
        ? thresholds.EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.Number("categoryThresholds"))
        : throw JsonElementExtensions.Wrong("categoryThresholds", thresholds.ValueKind, "an object such as {\"S1\": 0.3}");

    private static Policy ReadPolicy(JsonElement policy)
    {
        var json = JsonMarshal.GetRawUtf8Value(policy);
        if (json.Length > MaxPolicyBytes)
        {
            throw ApiException.BadRequest($"The policy has {json.Length} bytes; allowed are {MaxPolicyBytes}.", "policy", "invalid_policy");
        }

        try
        {
            // The name is a part of every answer, record and trace.
            return Policy.FromJson(json.ToArray()) is var read && read.Name.Length <= MaxPolicyName
                ? read
                : throw ApiException.BadRequest($"The policy's name has {read.Name.Length} characters; allowed are {MaxPolicyName}.", "policy", "invalid_policy");
        }
        catch (InvalidConversationException error)
        {
            throw ApiException.BadRequest(error.Message, "policy", "invalid_policy");
        }
    }

    /// <summary>A list of messages, or an object whose messages is one, as conversation files are written.</summary>
    public static Conversation ReadConversation(JsonElement input) =>
        ConversationJson.FromMessages(Messages(input), source: "messages");

    private static JsonElement Messages(JsonElement input) => input.ValueKind == JsonValueKind.Object ? input.Optional("messages") ?? default : input;

    private static async Task<IReadOnlyList<BatchEntry>> JudgeEachAsync(
        HttpContext context, JsonElement inputs, JudgeRequest template, VerdictService service, ConversationReader conversations, ServerOptions options)
    {
        if (inputs.ValueKind != JsonValueKind.Array)
        {
            throw JsonElementExtensions.Wrong("inputs", inputs.ValueKind, "a list of conversations");
        }

        if (inputs.GetArrayLength() is var count && (count == 0 || count > options.MaxBatchInputs))
        {
            throw ApiException.BadRequest($"\"inputs\" has {count} entries; allowed are 1 to {options.MaxBatchInputs} (MaxBatchInputs).", "inputs");
        }

        var results = new BatchEntry[count];
        var requests = new List<(int Index, JudgeRequest Request)>(count);
        foreach (var input in inputs.EnumerateArray())
        {
            var index = results.Length - count--;
            try
            {
                requests.Add((index, template with { Conversation = await conversations.ReadMessagesAsync(context, Messages(input), "messages").ConfigureAwait(false) }));
            }
            catch (Exception error) when (ApiError.Known(error) is { } known)
            {
                results[index] = new BatchEntry(index, null, ApiError.Of(known));
            }
        }

        var outcomes = await service.JudgeEachAsync([.. requests.Select(entry => entry.Request)], context.RequestAborted).ConfigureAwait(false);
        foreach (var ((index, _), outcome) in requests.Zip(outcomes))
        {
            results[index] = new BatchEntry(index, outcome.Judgement is { } judgement ? VerdictBody.Of(judgement) : null, outcome.Error is { } error ? ApiError.Of(error) : null);
        }

        return results;
    }
}
