using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Datasets;

/// <summary>One row of a data set: what it says about itself, its texts, and the names of its pictures. The schema stands in docs/data.md.</summary>
internal sealed record DataRow : IMixtureRow
{
    /// <summary>The file the row stands in.</summary>
    public required string File { get; init; }

    /// <summary>Its number there, from 1.</summary>
    public required long Line { get; init; }

    /// <summary>The row as it stands in the file, fields that are not known here included.</summary>
    public required string Json { get; init; }

    /// <summary>The row's own name.</summary>
    public required string Id { get; init; }

    /// <summary>What is judged.</summary>
    public required SampleTask Task { get; init; }

    /// <summary>The truth, or null where nobody labelled the row.</summary>
    public required bool? Unsafe { get; init; }

    /// <summary>Violated codes, each once.</summary>
    public required IReadOnlyList<string> Categories { get; init; }

    /// <summary>Language tag, such as <c>en</c>.</summary>
    public required string Language { get; init; }

    /// <summary>The data set it comes from.</summary>
    public required string Source { get; init; }

    /// <summary>Its licence in a word, or null.</summary>
    public string? Licence { get; init; }

    /// <summary>Whether the label was derived and not given by a person who read the row.</summary>
    public bool WeakLabel { get; init; }

    /// <summary>The model that wrote the text, or null.</summary>
    public string? WrittenBy { get; init; }

    /// <summary>The texts of each turn, oldest first; the last turn is judged.</summary>
    public required IReadOnlyList<string> Turns { get; init; }

    /// <summary>The pictures in their order: a path relative to the file, or <c>data:</c> and a hash.</summary>
    public IReadOnlyList<string> Pictures { get; init; } = [];

    /// <summary>File and line.</summary>
    public string Place => $"{File}:{Line}";

    /// <summary>All texts: what near duplicates are told by. A refusal alone says little; with its question it does.</summary>
    public string Text => Turns.Count == 1 ? Turns[0] : string.Join('\n', Turns);

    /// <inheritdoc/>
    public bool IsResponse => Task == SampleTask.Response;

    bool IMixtureRow.Unsafe => Unsafe == true;
}
