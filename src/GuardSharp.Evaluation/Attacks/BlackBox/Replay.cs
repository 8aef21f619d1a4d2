using GuardSharp.Conversations;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Attacks.BlackBox;

/// <summary>What another attack found, put to a guard once more: the same guard behind a defence, or another one.</summary>
/// <remarks>Pictures of rows that have one, and suffixes. Who attacked did not know of the new guard, so this is what transfers, not what an attacker could reach.</remarks>
internal sealed class Replay
{
    private readonly string _folder;

    private Replay(string folder, AttackSummary summary, IReadOnlyList<AttackResult> results)
    {
        (_folder, Summary) = (folder, summary);
        Ids = results.Select(result => result.Id).ToHashSet();
        Attacks =
        [
            .. results.GroupBy(result => result.Setting).Select(setting =>
            {
                var rows = setting.ToDictionary(result => result.Id);
                return new RowAttack(setting.Key, (sample, _) => rows.TryGetValue(sample.Id, out var result) ? Apply(sample.Conversation, result) : null);
            }),
        ];
    }

    /// <summary>The run that is replayed.</summary>
    public AttackSummary Summary { get; }

    /// <summary>The rows it attacked.</summary>
    public IReadOnlySet<string> Ids { get; }

    /// <summary>One for each of its settings.</summary>
    public IReadOnlyList<RowAttack> Attacks { get; }

    /// <summary>Reads the folder of an attack.</summary>
    /// <exception cref="SampleFileException">It holds no attack that came to its end, or none that left pictures or texts.</exception>
    public static Replay Of(string folder)
    {
        var (summary, results) = AttackFolder.Read(folder);
        return results.Any(result => (result.AttackedPicture ?? result.Text) is not null)
            ? new Replay(folder, summary, results)
            : throw new SampleFileException($"{folder}: the attack left neither pictures nor texts, so there is nothing to replay. Run it again with the other guard.");
    }

    private Conversation? Apply(Conversation conversation, AttackResult result) =>
        result.AttackedPicture is { } picture ? WithPicture(conversation, picture)
        : result.Text is { } suffix ? WithSuffix(conversation, suffix, result.Setting.Contains("response", StringComparison.Ordinal) ? Role.Assistant : Role.User)
        : null;

    // Of several pictures only the first has a name in the result.
    private Conversation? WithPicture(Conversation conversation, string picture) => conversation.Turns.Sum(turn => turn.Parts.Count(part => part is ImagePart)) == 1
        ? new Conversation([.. conversation.Turns.Select(turn => turn with
        {
            Parts = [.. turn.Parts.Select(part => part is ImagePart ? new ImagePart(File.ReadAllBytes(Path.Combine(_folder, picture))) : part)],
        })])
        : null;

    // As the attack put it: behind the last text of the last message of that speaker, blanks at its end left out.
    private static Conversation? WithSuffix(Conversation conversation, string suffix, Role speaker)
    {
        var turns = conversation.Turns.ToArray();
        var place = Array.FindLastIndex(turns, turn => turn.Role == speaker);
        var parts = place < 0 ? [] : turns[place].Parts.ToArray();
        var last = Array.FindLastIndex(parts, part => part is TextPart text && !string.IsNullOrWhiteSpace(text.Text));
        if (last < 0)
        {
            return null;
        }

        parts[last] = new TextPart(((TextPart)parts[last]).Text.TrimEnd() + suffix);
        turns[place] = turns[place] with { Parts = parts };
        return new Conversation(turns);
    }
}
