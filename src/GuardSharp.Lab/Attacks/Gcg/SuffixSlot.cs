using GuardSharp.Conversations;

namespace GuardSharp.Lab.Attacks.Gcg;

/// <summary>A conversation with a place for a suffix: as text for the guard, as ids for its network.</summary>
/// <remarks>
/// Every id comes from the guard's own way from a conversation to its prompt, so the suffix is what a user types: never a special token,
/// marked where it imitates structure, merged with its neighbours where the tokenizer merges. A suffix fits when that way gives exactly its ids.
/// </remarks>
internal sealed class SuffixSlot
{
    // Any two texts will do whose tokens differ from those of the suffix at both ends.
    private static readonly string[] _probes = [" ! !", " x x", " the the", " 7 7", " [ [", " = ="];

    private readonly GuardClassifier _guard;
    private readonly ClassifyOptions _options;
    private readonly Conversation _conversation;
    private readonly int _turn;
    private readonly int _part;
    private double? _temperature;

    private SuffixSlot(GuardClassifier guard, ClassifyOptions options, Conversation conversation, int turn, int part) =>
        (_guard, _options, _conversation, _turn, _part) = (guard, options, conversation, turn, part);

    /// <summary>What the network reads around the suffix, once one has begun.</summary>
    public VerdictPrompt Prompt { get; private set; } = new([], [], 0, 0);

    /// <summary>P(unsafe) of log-odds, as a verdict has it.</summary>
    public double Probability(double logOdds) => _temperature is { } temperature
        ? 1 / (1 + Math.Exp(-logOdds / temperature))
        : throw new InvalidOperationException("No suffix has begun.");

    /// <summary>Finds the place in a conversation.</summary>
    /// <param name="guard">The guard that is attacked.</param>
    /// <param name="options">What it judges against.</param>
    /// <param name="conversation">What it judges.</param>
    /// <param name="place">Where the suffix stands; see <see cref="Obstacle"/>.</param>
    /// <exception cref="InvalidConversationException">There is no text in that place, or pictures are judged as well.</exception>
    public static SuffixSlot Of(GuardClassifier guard, ClassifyOptions options, Conversation conversation, SuffixPlace place)
    {
        if (Obstacle(conversation, place) is { } obstacle)
        {
            throw new InvalidConversationException($"A conversation cannot be attacked by gcg: such conversations {obstacle}.");
        }

        var (turn, part) = Find(conversation, place);
        return new SuffixSlot(guard, options, conversation, turn, part);
    }

    /// <summary>Why no suffix can stand in a conversation, as what such conversations do; null: one can.</summary>
    public static string? Obstacle(Conversation conversation, SuffixPlace place)
    {
        if (conversation.Turns.Any(turn => turn.Parts.Any(part => part is ImagePart)))
        {
            return "hold pictures, which guardsharp-lab attack pgd changes";
        }

        var judgesResponse = conversation.Turns.Count > 0 && conversation.Turns[^1].Role == Role.Assistant;
        if (judgesResponse != (place != SuffixPlace.Prompt))
        {
            return judgesResponse
                ? $"judge a response, for which --place is {SuffixPlace.PromptForResponse.Name()} or {SuffixPlace.Response.Name()}"
                : $"judge a prompt, for which --place is {SuffixPlace.Prompt.Name()}";
        }

        return Find(conversation, place).Part < 0 ? "have no text that a suffix could stand behind" : null;
    }

    /// <summary>The conversation with a suffix in its place.</summary>
    public Conversation With(string suffix)
    {
        var turns = _conversation.Turns.ToArray();
        var parts = turns[_turn].Parts.ToArray();
        parts[_part] = new TextPart(((TextPart)parts[_part]).Text.TrimEnd() + suffix);
        turns[_turn] = turns[_turn] with { Parts = parts };
        return new Conversation(turns);
    }

    /// <summary>Takes a suffix to begin with: what stands around it is known afterwards.</summary>
    /// <returns>False: in this conversation its text becomes other tokens.</returns>
    /// <exception cref="GuardException">The guard cannot judge the conversation.</exception>
    public bool Begin(int[] suffix, string text)
    {
        var question = _guard.Ask(With(text), _options);
        var ids = question.Prompt.AllIds();
        foreach (var probe in _probes)
        {
            // What two prompts that differ in their suffixes alone have in common stands around them.
            var other = _guard.Ask(With(probe), _options).Prompt.AllIds();
            var before = ids.AsSpan().CommonPrefixLength(other);
            var after = CommonEnd(ids, other);
            if (before + after <= Math.Min(ids.Length, other.Length) && ids.AsSpan(before, ids.Length - before - after).SequenceEqual(suffix))
            {
                _temperature = question.Temperature;
                Prompt = new VerdictPrompt(ids[..before], ids[^after..], question.SafeToken, question.UnsafeToken);
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether a suffix's text, put into the conversation, becomes exactly its ids and leaves those around it as they are.</summary>
    public bool Fits(ReadOnlySpan<int> suffix, string text)
    {
        var ids = _guard.Ask(With(text), _options).Prompt.AllIds().AsSpan();
        var before = Prompt.Before.Length;
        return ids.Length == before + suffix.Length + Prompt.After.Length
            && ids[..before].SequenceEqual(Prompt.Before)
            && ids.Slice(before, suffix.Length).SequenceEqual(suffix)
            && ids[(before + suffix.Length)..].SequenceEqual(Prompt.After);
    }

    private static (int Turn, int Part) Find(Conversation conversation, SuffixPlace place)
    {
        var role = place == SuffixPlace.Response ? Role.Assistant : Role.User;
        var turn = conversation.Turns.Count - 1;
        while (turn >= 0 && conversation.Turns[turn].Role != role)
        {
            turn--;
        }

        var part = turn < 0 ? -1 : conversation.Turns[turn].Parts.Count - 1;
        while (part >= 0 && !(conversation.Turns[turn].Parts[part] is TextPart text && !string.IsNullOrWhiteSpace(text.Text)))
        {
            part--;
        }

        return (turn, part);
    }

    private static int CommonEnd(int[] a, int[] b)
    {
        var common = 0;
        while (common < Math.Min(a.Length, b.Length) && a[^(common + 1)] == b[^(common + 1)])
        {
            common++;
        }

        return common;
    }
}
