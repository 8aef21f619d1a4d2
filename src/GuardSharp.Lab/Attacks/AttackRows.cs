using GuardSharp.Evaluation.Samples;
using GuardSharp.Lab.FineTuning;

namespace GuardSharp.Lab.Attacks;

/// <summary>Chooses the rows of an attack: truly unsafe ones, of one task or both, some or all.</summary>
/// <param name="Path">The file, as <see cref="SampleReader"/> reads it.</param>
/// <param name="Task">The task; null: both.</param>
/// <param name="Limit">Most rows, drawn by the seed; null: all.</param>
/// <param name="Seed">Decides which.</param>
internal sealed record AttackRows(string Path, SampleTask? Task, int? Limit, int Seed)
{
    /// <summary>The rows in the file's order, and a note for every reason for which unsafe rows were left out.</summary>
    /// <param name="attackable">Why an unsafe row cannot be attacked, such as <c>have no picture</c>; null: it can.</param>
    /// <exception cref="GuardException">There is no row to attack, or two have the same id.</exception>
    public (IReadOnlyList<Sample> Rows, IReadOnlyList<string> Notes) Read(Func<Sample, string?> attackable)
    {
        var (places, reasons, total) = (new List<int>(), new Dictionary<string, int>(StringComparer.Ordinal), 0);
        var ids = new HashSet<string>(StringComparer.Ordinal);
        foreach (var sample in SampleReader.Read(Path, labelled: true))
        {
            var place = total++;
            if (sample.Unsafe != true || (Task is { } task && sample.Task != task))
            {
                continue;
            }

            if (attackable(sample) is { } reason)
            {
                reasons[reason] = reasons.GetValueOrDefault(reason) + 1;
                continue;
            }

            places.Add(place);
            if (!ids.Add(sample.Id))
            {
                throw new SampleFileException($"{sample.Place}: another row has the same id. Results are kept by id: give every row its own.");
            }
        }

        var kind = Task is { } one ? $"unsafe rows of the task {one.ToString().ToLowerInvariant()}" : "unsafe rows";
        string[] notes = [.. reasons.Select(reason => $"{reason.Value} {kind} {reason.Key} and are left out")];
        if (places.Count == 0)
        {
            throw new SampleFileException($"{Path}: none of its {total} rows can be attacked: {(notes.Length > 0 ? string.Join("; ", notes) : $"there are no {kind}")}.");
        }

        return (Chosen(places), notes);
    }

    // The file is read again: pictures of rows that are not chosen need not stay in memory.
    private List<Sample> Chosen(List<int> places)
    {
        int[] order = [.. places];
        if (Limit < order.Length)
        {
            new Random(Seeds.Mix(Seed, "attacked rows")).Shuffle(order);
            order = order[..Limit.Value];
        }

        var chosen = order.ToHashSet();
        return [.. SampleReader.Read(Path, labelled: true).Where((_, place) => chosen.Contains(place))];
    }
}
