using GuardSharp.Conversations;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Policies;

namespace GuardSharp.Evaluation.Attacks.BlackBox;

/// <summary>Black-box attacks on the unsafe rows of a file: each row is judged as it is and as each attack writes it.</summary>
internal sealed class BlackBoxRun(IGuard guard, ClassifyOptions options, AttackFolder folder)
{
    // Rows whose judgements share the guard's passes; few enough for their pictures.
    private const int RowsAtOnce = 32;

    /// <summary>Rows drawn by chance from the unsafe ones of a file, in the file's order. The same seed draws the same, whatever else the file holds.</summary>
    /// <param name="path">Labelled rows.</param>
    /// <param name="count">How many at most; all where there are fewer.</param>
    /// <param name="seed">The seed.</param>
    /// <exception cref="SampleFileException">A row is not in the schema, or none is unsafe.</exception>
    public static IReadOnlyList<Sample> Draw(string path, int count, ulong seed)
    {
        var chosen = new PriorityQueue<(Sample Sample, long Place), ulong>();
        long place = 0;
        foreach (var sample in SampleReader.Read(path, labelled: true))
        {
            if (sample.Unsafe == true)
            {
                // The queue's head is the worst of those kept: the highest draw.
                chosen.Enqueue((sample, place++), ulong.MaxValue - SeedOf(seed, sample.Id));
                if (chosen.Count > count)
                {
                    chosen.Dequeue();
                }
            }
        }

        return place > 0
            ? [.. chosen.UnorderedItems.OrderBy(item => item.Element.Place).Select(item => item.Element.Sample)]
            : throw new SampleFileException($"{path}: no row is unsafe. An attack needs rows that the guard ought to flag.");
    }

    /// <summary>Attacks the rows; what the folder holds already is not done again.</summary>
    /// <returns>By attack: how many rows it was not applied to, because it changes nothing in them or they became longer than the model's context.</returns>
    /// <exception cref="GuardException">A row cannot be judged.</exception>
    public async Task<IReadOnlyDictionary<string, int>> RunAsync(
        IReadOnlyList<Sample> samples, IReadOnlyList<RowAttack> attacks, ulong seed, IProgress<RowProgress>? progress, CancellationToken cancellationToken)
    {
        var left = attacks.ToDictionary(attack => attack.Setting, _ => 0);
        var done = 0;
        foreach (var chunk in samples.Chunk(RowsAtOnce))
        {
            var before = new Dictionary<string, Verdict>();
            foreach (var attack in attacks)
            {
                await AttackAsync(chunk, attack, seed, before, left, cancellationToken).ConfigureAwait(false);
                progress?.Report(new RowProgress(done += chunk.Length, (long)samples.Count * attacks.Count));
            }
        }

        return left;
    }

    /// <summary>A seed of a row's own: FNV-1a over its id, mixed with the run's.</summary>
    internal static ulong SeedOf(ulong seed, string id)
    {
        var hash = 14695981039346656037UL ^ seed;
        foreach (var letter in id)
        {
            hash = (hash ^ letter) * 1099511628211UL;
        }

        // FNV's low bits follow the last letter: the finisher of SplitMix64 spreads them.
        hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9;
        hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EB;
        return hash ^ (hash >> 31);
    }

    private async Task AttackAsync(
        Sample[] chunk, RowAttack attack, ulong seed, Dictionary<string, Verdict> before, Dictionary<string, int> left, CancellationToken cancellationToken)
    {
        var attacked = chunk.Where(sample => folder.Find(attack.Setting, sample.Id) is null)
            .Select(sample => (Sample: sample, Conversation: attack.Apply(sample, (int)(SeedOf(seed, sample.Id) >> 33)))).ToList();
        left[attack.Setting] += attacked.Count(row => row.Conversation is null);
        attacked.RemoveAll(row => row.Conversation is null);
        var after = await JudgeAsync([.. attacked.Select(row => row.Conversation!)], cancellationToken).ConfigureAwait(false);
        await JudgeBeforeAsync(attacked.Where((_, i) => after[i] is not null).Select(row => row.Sample), before, cancellationToken).ConfigureAwait(false);
        for (var i = 0; i < attacked.Count; i++)
        {
            if (after[i] is { } verdict)
            {
                folder.Add(ResultOf(attack, attacked[i].Sample, attacked[i].Conversation!, before[attacked[i].Sample.Id], verdict));
            }
            else
            {
                left[attack.Setting]++;
            }
        }
    }

    // Each row is judged once as it is, however many attacks it takes part in.
    private async Task JudgeBeforeAsync(IEnumerable<Sample> samples, Dictionary<string, Verdict> before, CancellationToken cancellationToken)
    {
        var missing = samples.Where(sample => !before.ContainsKey(sample.Id)).ToList();
        var verdicts = await guard.ClassifyAsync([.. missing.Select(sample => sample.Conversation)], options, cancellationToken).ConfigureAwait(false);
        for (var i = 0; i < missing.Count; i++)
        {
            before[missing[i].Id] = verdicts[i];
        }
    }

    // A guard refuses what does not fit its context: such a row got through nowhere, and is counted apart.
    private async Task<Verdict?[]> JudgeAsync(IReadOnlyList<Conversation> conversations, CancellationToken cancellationToken) =>
        await Task.WhenAll(conversations.Select(async conversation =>
        {
            try
            {
                return await guard.ClassifyAsync(conversation, options, cancellationToken).ConfigureAwait(false);
            }
            catch (ContextOverflowException)
            {
                return null;
            }
        })).ConfigureAwait(false);

    private AttackResult ResultOf(RowAttack attack, Sample sample, Conversation attacked, Verdict before, Verdict after) => new()
    {
        Id = sample.Id,
        Setting = attack.Setting,
        Task = sample.Task == SampleTask.Prompt ? "prompt" : "response",
        Before = before.UnsafeProbability,
        SafeBefore = !before.Unsafe,
        After = after.UnsafeProbability,
        SafeAfter = !after.Unsafe,
        Queries = 1,
        OriginalPicture = WritePicture(sample, "original", sample.Conversation),
        AttackedPicture = WritePicture(sample, attack.Setting, attacked),
    };

    // The file of the last picture, byte for byte what was judged.
    private string? WritePicture(Sample sample, string kind, Conversation conversation) =>
        conversation.Turns.SelectMany(turn => turn.Parts).OfType<ImagePart>().LastOrDefault() is { } picture
            ? folder.WritePicture($"{sample.Id}-{kind}{Extension(picture.Data.Span)}", picture.Data.Span)
            : null;

    private static string Extension(ReadOnlySpan<byte> file) => file switch
    {
        [0x89, ..] => ".png",
        [0xFF, ..] => ".jpg",
        _ => ".webp",
    };
}
