using System.Text.Json;
using GuardSharp.Lab.Training;

namespace GuardSharp.Lab.FineTuning.Rows;

/// <summary>Rows that cannot be used: each is named once, with file and line, in a file and the first ones in messages.</summary>
/// <param name="strict">Whether one ends the run.</param>
/// <param name="report">Where messages go.</param>
/// <param name="file">Where all are written; null: nowhere.</param>
internal sealed class BadRows(bool strict, Action<string> report, string? file = null)
{
    private const int MostMessages = 10;
    // Lines of an earlier part of the run.
    private readonly HashSet<string> _written = file is not null && File.Exists(file) ? [.. File.ReadLines(file)] : [];
    private readonly Dictionary<string, string> _reasons = new(StringComparer.Ordinal);

    /// <summary>How many there are so far.</summary>
    public int Count => _reasons.Count;

    /// <summary>The place and the reason of each.</summary>
    public IReadOnlyDictionary<string, string> Reasons => _reasons;

    /// <summary>Notes a row.</summary>
    /// <param name="place">File and line.</param>
    /// <param name="reason">Why; holds no text of the row.</param>
    /// <exception cref="TrainingException">Bad rows are not allowed, and the rows are already being learned from.</exception>
    public void Add(string place, string reason)
    {
        reason = reason.StartsWith(place, StringComparison.Ordinal) ? reason[place.Length..].TrimStart(':', ' ') : reason;
        if (!_reasons.TryAdd(place, reason))
        {
            return;
        }

        var line = JsonSerializer.Serialize(new { place, reason });
        if (file is not null && _written.Add(line))
        {
            File.AppendAllText(file, line + "\n");
        }

        if (Count <= MostMessages)
        {
            report($"{place}: {reason}{(Count == MostMessages ? " (further ones are only counted here)" : "")}");
        }
    }

    /// <summary>Ends the run where bad rows are not allowed and there are some.</summary>
    /// <exception cref="TrainingException">There are.</exception>
    public void Check()
    {
        if (strict && Count > 0)
        {
            var (place, reason) = _reasons.First();
            throw new TrainingException(
                $"{Count} {(Count == 1 ? "row" : "rows")} cannot be used, the first is {place}: {reason} Correct or remove {(Count == 1 ? "it" : "them")}, or set data.strict to false to leave such rows out.");
        }
    }
}
