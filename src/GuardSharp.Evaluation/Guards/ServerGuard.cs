using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Evaluation.Datasets.Remote;
using GuardSharp.Policies;

namespace GuardSharp.Evaluation.Guards;

/// <summary>A GuardSharp server by its own endpoint <c>POST /v1/guard/classify</c>: whole conversations, policies, every category's probability.</summary>
/// <param name="options">Which server; the model is the server's default where it is not named.</param>
internal sealed class ServerGuard(ChatOptions options) : ForeignGuard(options, $"{options.Model} at {options.Endpoint.Authority}", ModerationNames.Codes)
{
    /// <inheritdoc/>
    protected override async Task<ForeignAnswer> AskAsync(Conversation conversation, ClassifyOptions request, CancellationToken cancellationToken)
    {
        var body = ForeignJson.Write(writer =>
        {
            writer.WriteStartObject();
            if (Options.Model != ForeignJson.NoModel)
            {
                writer.WriteString("model", Options.Model);
            }

            ForeignJson.WriteMessages(writer, conversation);
            if (!ReferenceEquals(request.Policy, DefaultPolicy))
            {
                WritePolicy(writer, request.Policy!);
            }

            if (request.Threshold is { } threshold)
            {
                writer.WriteNumber("threshold", threshold);
            }

            writer.WriteEndObject();
        });
        return ForeignJson.Read(await PostAsync("guard/classify", body, cancellationToken).ConfigureAwait(false), "a verdict of GuardSharp", root => new ForeignAnswer(
            ForeignJson.Probability(root.GetProperty("unsafeProbability")),
            root.GetProperty("unsafe").GetBoolean(),
            root.GetProperty("categoryProbabilities").EnumerateObject().ToDictionary(entry => entry.Name, entry => ForeignJson.Probability(entry.Value)),
            [.. root.GetProperty("categories").EnumerateArray().Select(code => code.GetString()!)],
            [.. root.GetProperty("warnings").EnumerateArray().Select(warning => warning.GetString()!)]));
    }

    private static void WritePolicy(Utf8JsonWriter writer, Policy policy)
    {
        writer.WriteStartObject("policy");
        writer.WriteString("name", policy.Name);
        writer.WriteStartArray("categories");
        foreach (var category in policy.Categories)
        {
            writer.WriteStartObject();
            writer.WriteString("code", category.Code);
            writer.WriteString("name", category.Name);
            if (category.Description is { } description)
            {
                writer.WriteString("description", description);
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteStartObject("thresholds");
        foreach (var (code, value) in policy.Thresholds)
        {
            writer.WriteNumber(code, value);
        }

        writer.WriteEndObject();
        writer.WriteEndObject();
    }
}
