using GuardSharp.Conversations;

namespace GuardSharp.Lab.FineTuning.Rows;

/// <summary>Puts random tokens into rows while a guard learns; labels stay. What a suffix of nonsense says then means nothing to it (docs/attacks.md).</summary>
/// <remarks>The text becomes ids by the ordinary way, so what is learned is what a user can type. Safe from any thread with a Random of one's own.</remarks>
/// <param name="tokens">What noise is made of.</param>
/// <param name="rates">How much of it.</param>
internal sealed class TokenNoise(TypableTokens tokens, TokenNoiseRates rates)
{
    /// <summary>Draws the conversation of one row for one epoch.</summary>
    /// <returns>The same instance where the row stays as it is.</returns>
    public Conversation Apply(Conversation conversation, Random random)
    {
        if (random.NextDouble() >= rates.Share)
        {
            return conversation;
        }

        (int Turn, int Part)[] places =
        [
            .. from turn in conversation.Turns.Index()
               where turn.Item.Role is Role.User or Role.Assistant
               from part in turn.Item.Parts.Index()
               where part.Item is TextPart text && !string.IsNullOrWhiteSpace(text.Text)
               select (turn.Index, part.Index),
        ];
        if (places.Length == 0)
        {
            return conversation;
        }

        // Of a response the question may carry the suffix as well as the answer: both are attacked.
        var (at, inside) = places[random.Next(Math.Max(0, places.Length - 2), places.Length)];
        var turns = conversation.Turns.ToArray();
        var parts = turns[at].Parts.ToArray();
        parts[inside] = new TextPart(Replaced(((TextPart)parts[inside]).Text, random).TrimEnd() + " " + Suffix(random));
        turns[at] = turns[at] with { Parts = parts };
        return new Conversation(turns);
    }

    private string Suffix(Random random)
    {
        var ids = new int[random.Next(1, rates.Tokens + 1)];
        for (var i = 0; i < ids.Length; i++)
        {
            ids[i] = tokens.Ids[random.Next(tokens.Ids.Count)];
        }

        return tokens.Text(ids);
    }

    private string Replaced(string text, Random random)
    {
        if (rates.Replaced == 0)
        {
            return text;
        }

        var ids = tokens.Encode(text);
        for (var i = 0; i < ids.Length; i++)
        {
            ids[i] = random.NextDouble() < rates.Replaced ? tokens.Ids[random.Next(tokens.Ids.Count)] : ids[i];
        }

        return tokens.Text(ids);
    }
}
