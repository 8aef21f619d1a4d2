using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Evaluation.Datasets.Remote;

namespace GuardSharp.Evaluation.Guards;

/// <summary>Any server of <c>POST /v1/moderations</c> in OpenAI's or Mistral's form.</summary>
/// <remarks>
/// The form knows no conversation: the last message alone is sent, its pictures beside its text. P(unsafe) is the server's own where it gives
/// one (GuardSharp does), else its highest score. Without a threshold the server's "flagged" is the verdict.
/// </remarks>
/// <param name="options">Which server; an empty model's name is not sent.</param>
internal sealed class ModerationsGuard(ChatOptions options) : ForeignGuard(options, $"{options.Model} at {options.Endpoint.Authority}", ModerationNames.Codes)
{
    /// <inheritdoc/>
    protected override async Task<ForeignAnswer> AskAsync(Conversation conversation, ClassifyOptions request, CancellationToken cancellationToken) =>
        Read(await PostAsync("moderations", Body(conversation.Turns[^1]), cancellationToken).ConfigureAwait(false));

    private ReadOnlyMemory<byte> Body(Turn turn)
    {
        var (images, text) = (turn.Parts.OfType<ImagePart>().ToList(), string.Join('\n', turn.Parts.OfType<TextPart>().Select(part => part.Text)));
        if (turn.Parts.Any(part => part is ToolCallPart))
        {
            throw new InvalidConversationException("The last message calls a tool, for which /v1/moderations has no form. Leave the row out.");
        }

        return ForeignJson.Write(writer =>
        {
            writer.WriteStartObject();
            if (Options.Model != ForeignJson.NoModel)
            {
                writer.WriteString("model", Options.Model);
            }

            writer.WritePropertyName("input");
            if (images.Count == 0)
            {
                writer.WriteStringValue(ForeignJson.Utf8(text));
            }
            else
            {
                ForeignJson.WriteParts(writer, text, images);
            }

            writer.WriteEndObject();
        });
    }

    private static ForeignAnswer Read(byte[] body) => ForeignJson.Read(body, "a moderation: {\"results\":[{\"flagged\",\"category_scores\"}]}", root =>
    {
        var results = root.GetProperty("results");
        if (results.GetArrayLength() != 1)
        {
            throw new JsonException("one result is needed");
        }

        var flagged = results[0].TryGetProperty("flagged", out var own) && own.ValueKind != JsonValueKind.Null ? own.GetBoolean() : (bool?)null;
        var scores = results[0].GetProperty("category_scores").EnumerateObject().ToDictionary(entry => entry.Name, entry => ForeignJson.Probability(entry.Value));
        var flags = results[0].TryGetProperty("categories", out var list) && list.ValueKind == JsonValueKind.Object
            ? list.EnumerateObject().Where(entry => entry.Value.ValueKind == JsonValueKind.True).Select(entry => entry.Name).ToList()
            : [];
        double? probability = results[0].TryGetProperty("unsafe_probability", out var given) ? ForeignJson.Probability(given)
            : scores.Count > 0 ? scores.Values.Max() : throw new JsonException("there are no scores");
        return new ForeignAnswer(
            probability.Value,
            // Mistral says of each category whether it is violated, and nothing of the whole.
            flagged ?? flags.Count > 0,
            ModerationNames.Scores(scores),
            [.. ModerationNames.Named(scores.Keys, flags)],
            []);
    });
}

/// <summary>What the categories of other services are in ours. Those without a counterpart, such as harassment, count for P(unsafe) alone.</summary>
internal static class ModerationNames
{
    private static readonly Dictionary<string, string> _codes = new(StringComparer.Ordinal)
    {
        ["violence"] = "S1",
        ["violence/graphic"] = "S1",
        ["harassment/threatening"] = "S1",
        ["violence_and_threats"] = "S1",
        ["illicit"] = "S2",
        ["illicit/violent"] = "S1",
        ["criminal"] = "S2",
        ["dangerous_and_criminal_content"] = "S2",
        ["sexual/minors"] = "S4",
        ["health"] = "S6",
        ["financial"] = "S6",
        ["law"] = "S6",
        ["pii"] = "S7",
        ["dangerous"] = "S9",
        ["hate"] = "S10",
        ["hate/threatening"] = "S10",
        ["hate_and_discrimination"] = "S10",
        ["self-harm"] = "S11",
        ["self-harm/intent"] = "S11",
        ["self-harm/instructions"] = "S11",
        ["selfharm"] = "S11",
        ["sexual"] = "S12",
    };

    /// <summary>Codes that any of them may give.</summary>
    public static IReadOnlyList<string> Codes { get; } = [.. Policies.HazardTaxonomy.Entries.Select(entry => entry.Category.Code)];

    /// <summary>The highest score of the names of each code.</summary>
    public static Dictionary<string, double> Scores(IReadOnlyDictionary<string, double> scores) =>
        scores.Select(pair => (Code: CodeOf(pair.Key, scores.Keys), pair.Value)).Where(pair => pair.Code is not null)
            .GroupBy(pair => pair.Code!).ToDictionary(group => group.Key, group => group.Max(pair => pair.Value));

    /// <summary>Codes of names that are violated.</summary>
    public static IEnumerable<string> Named(IEnumerable<string> all, IEnumerable<string> flagged) => flagged.Select(name => CodeOf(name, all)).OfType<string>().Distinct();

    // A server that gives our codes means them; its other names say the same again, less exactly.
    private static string? CodeOf(string name, IEnumerable<string> all) =>
        Codes.Contains(name) ? name : all.Any(Codes.Contains) ? null : _codes.GetValueOrDefault(name);
}
