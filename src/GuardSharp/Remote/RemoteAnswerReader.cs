using System.Text.Json;
using GuardSharp.Policies;

namespace GuardSharp.Remote;

/// <summary>Reads the answers of servers that call themselves compatible, in every shape their probabilities come in.</summary>
/// <remarks>
/// Text: <c>choices[0].message.content</c> or <c>choices[0].text</c>. Probabilities, where there are any: <c>logprobs.content</c> (chat
/// endpoints; llama.cpp also for completions), <c>logprobs.tokens</c> with <c>top_logprobs</c> (completions of vLLM and SGLang), or
/// llama.cpp's own <c>completion_probabilities</c> with <c>top_logprobs</c>, <c>top_probs</c> or <c>probs</c>.
/// </remarks>
internal static class RemoteAnswerReader
{
    // Rounding of a server may put a probability this much above 1.
    private const double Slack = 1e-2;

    /// <summary>Reads a body.</summary>
    /// <param name="body">UTF-8 JSON.</param>
    /// <param name="mayBeCut">Whether the beginning of a longer answer will do; a verdict needs all of it.</param>
    /// <exception cref="RemoteGuardException">It is no answer.</exception>
    /// <exception cref="InvalidAnswerException">The answer was cut off, so what it would have said is unknown.</exception>
    public static RemoteAnswer Read(ReadOnlyMemory<byte> body, bool mayBeCut = false)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return Read(document.RootElement, mayBeCut);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            // InvalidOperationException: a member of another kind than the form says, or a string that is not Unicode.
            throw NoAnswer(error);
        }
    }

    private static RemoteAnswer Read(JsonElement root, bool mayBeCut)
    {
        if (root.ValueKind != JsonValueKind.Object || Member(root, "choices") is not { ValueKind: JsonValueKind.Array } choices || choices.GetArrayLength() != 1)
            throw NoAnswer();
        var choice = choices[0];
        // A prompt that was cut to fit is not the conversation that was asked about.
        if (Member(root, "truncated") is { ValueKind: JsonValueKind.True } || Member(choice, "truncated") is { ValueKind: JsonValueKind.True })
            throw new InvalidAnswerException("The server left a part of the prompt out, so its answer is about another conversation. Raise its context, or send less.");
        if (Member(choice, "finish_reason") is { ValueKind: JsonValueKind.String } reason && reason.GetString() is "length" or "content_filter" or "abort"
            && !(mayBeCut && reason.GetString() == "length"))
            throw new InvalidAnswerException($"The server cut the answer off (finish_reason \"{reason.GetString()}\"). Is the model a Llama Guard, and does its answer end with its own end token?");
        var text = Member(choice, "message") is { ValueKind: JsonValueKind.Object } message ? Member(message, "content") : Member(choice, "text");
        if (text is not { ValueKind: JsonValueKind.String } words)
            throw NoAnswer();
        var usage = Member(root, "usage");
        return new RemoteAnswer(
            words.GetString()!,
            Member(root, "model") is { ValueKind: JsonValueKind.String } model ? model.GetString() : null,
            usage is { ValueKind: JsonValueKind.Object } counted && Member(counted, "prompt_tokens") is { ValueKind: JsonValueKind.Number } count ? count.GetInt32() : null,
            [.. Tokens(root, choice)]);
    }

    private static IEnumerable<AnswerToken> Tokens(JsonElement root, JsonElement choice)
    {
        if ((Member(choice, "completion_probabilities") ?? Member(root, "completion_probabilities")) is { ValueKind: JsonValueKind.Array } own)
            return own.EnumerateArray().Select(Entry);
        if (Member(choice, "logprobs") is not { ValueKind: JsonValueKind.Object } logprobs)
            return [];
        if (Member(logprobs, "content") is { ValueKind: JsonValueKind.Array } content)
            return content.EnumerateArray().Select(Entry);
        return Member(logprobs, "tokens") is { ValueKind: JsonValueKind.Array } tokens ? Columns(logprobs, tokens) : [];
    }

    /// <summary>One token with its alternatives, as chat endpoints and llama.cpp write it.</summary>
    private static AnswerToken Entry(JsonElement entry)
    {
        var text = (Member(entry, "token") ?? entry.GetProperty("content")).GetString()!;
        var listed = new Dictionary<string, double>(StringComparer.Ordinal);
        if (Member(entry, "logprob") is not null || Member(entry, "prob") is not null)
            Add(listed, text, Probability(entry));
        foreach (var name in (string[])["top_logprobs", "top_probs", "probs"])
        {
            if (Member(entry, name) is not { ValueKind: JsonValueKind.Array } others)
                continue;
            foreach (var other in others.EnumerateArray())
                Add(listed, (Member(other, "token") ?? other.GetProperty("tok_str")).GetString()!, Probability(other));
        }

        return Checked(text, listed);
    }

    /// <summary>The four columns of the older completions form.</summary>
    private static IEnumerable<AnswerToken> Columns(JsonElement logprobs, JsonElement tokens)
    {
        var own = Member(logprobs, "token_logprobs");
        var tops = Member(logprobs, "top_logprobs");
        if (((JsonElement?[])[own, tops]).Any(column => column is { ValueKind: JsonValueKind.Array } rows && rows.GetArrayLength() != tokens.GetArrayLength()))
            throw NoAnswer();
        for (var i = 0; i < tokens.GetArrayLength(); i++)
        {
            var text = tokens[i].GetString()!;
            var listed = new Dictionary<string, double>(StringComparer.Ordinal);
            if (own is { ValueKind: JsonValueKind.Array } values && values[i].ValueKind == JsonValueKind.Number)
                Add(listed, text, Math.Exp(values[i].GetDouble()));
            if (tops is { ValueKind: JsonValueKind.Array } maps && maps[i].ValueKind == JsonValueKind.Object)
            {
                foreach (var other in maps[i].EnumerateObject())
                    Add(listed, other.Name, Math.Exp(other.Value.GetDouble()));
            }

            yield return Checked(text, listed);
        }
    }

    private static double Probability(JsonElement entry) =>
        Member(entry, "logprob") is { } logarithm ? Math.Exp(logarithm.GetDouble()) : entry.GetProperty("prob").GetDouble();

    // The answer's own token stands among the alternatives again; different tokens of one text are one.
    private static void Add(Dictionary<string, double> listed, string text, double probability) =>
        listed[text] = Math.Max(probability, listed.GetValueOrDefault(text));

    private static AnswerToken Checked(string text, Dictionary<string, double> listed)
    {
        if (listed.Values.Any(p => !double.IsFinite(p) || p < 0 || p > 1 + Slack) || listed.Values.Sum() > 1 + Slack)
            throw new RemoteGuardException("The server's probabilities are none: below 0, above 1, or more than 1 together. Switch them off with TopLogprobs 0, or update the server.", isTransient: false);
        return new AnswerToken(text, listed);
    }

    private static JsonElement? Member(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static RemoteGuardException NoAnswer(Exception? cause = null) => new(
        "What the server answered is not a completion: one choice with a text is needed. Does Endpoint name an OpenAI-compatible server, and Model a model of it?", isTransient: false, innerException: cause);
}
