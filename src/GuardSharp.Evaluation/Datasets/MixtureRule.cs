namespace GuardSharp.Evaluation.Datasets;

/// <summary>What a mixture asks of a row: the names of its group.</summary>
internal interface IMixtureRow
{
    /// <summary>The data set it comes from.</summary>
    string Source { get; }

    /// <summary>Language tag, such as <c>pt</c>.</summary>
    string Language { get; }

    /// <summary>The verdict.</summary>
    bool Unsafe { get; }

    /// <summary>True when the assistant's message is judged.</summary>
    bool IsResponse { get; }
}

/// <summary>How many rows an epoch takes of each group: the rows of one source, language and verdict.</summary>
/// <param name="Source">The source; null: any.</param>
/// <param name="Language">The language; null: any.</param>
/// <param name="Unsafe">The verdict; null: any.</param>
/// <param name="Rows">Most rows of a group in an epoch, drawn anew for each.</param>
/// <param name="Repeat">How often a row may come in an epoch.</param>
internal sealed record MixtureRule(string? Source = null, string? Language = null, bool? Unsafe = null, int Rows = 1000, int Repeat = 1);
