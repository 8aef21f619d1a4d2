namespace GuardSharp.Evaluation.Datasets;

/// <summary>What is wrong with a row. Holds nothing of its text.</summary>
/// <param name="File">The file.</param>
/// <param name="Line">The row's number in it, from 1.</param>
/// <param name="Kind">One of <see cref="ProblemKind"/>.</param>
/// <param name="Message">What was seen and what is allowed.</param>
internal sealed record RowProblem(string File, long Line, string Kind, string Message)
{
    /// <summary>The problem as one line: file, line, kind, message.</summary>
    public override string ToString() => $"{File}:{Line}: {Kind}: {Message}";
}

/// <summary>The kinds of problems, as reports name them.</summary>
internal static class ProblemKind
{
    /// <summary>The bytes are no text, or the file breaks off.</summary>
    public const string DamagedFile = "damaged-file";

    /// <summary>The line is not one JSON object whose keys all differ.</summary>
    public const string BrokenJson = "broken-json";

    /// <summary>A field that every row needs is not there.</summary>
    public const string MissingField = "missing-field";

    /// <summary>A field holds another kind of value than it must.</summary>
    public const string WrongType = "wrong-type";

    /// <summary>The messages are no conversation that can be judged.</summary>
    public const string BadMessages = "bad-messages";

    /// <summary>A message holds nothing but blanks.</summary>
    public const string EmptyText = "empty-text";

    /// <summary>A category that the policy does not hold.</summary>
    public const string UnknownCategory = "unknown-category";

    /// <summary>The row is safe and names violated categories.</summary>
    public const string SafeWithCategories = "safe-with-categories";

    /// <summary>A picture's file is not there.</summary>
    public const string MissingPicture = "missing-picture";

    /// <summary>A picture is too large, or neither PNG, JPEG nor WebP.</summary>
    public const string BadPicture = "bad-picture";

    /// <summary>Another row has the same id.</summary>
    public const string DuplicateId = "duplicate-id";
}
