using Parquet.Schema;

namespace GuardSharp.Evaluation.Datasets.Parquet;

/// <summary>The columns of a data set in Parquet.</summary>
/// <remarks>Messages stay JSON text: their form (strings, parts, calls of tools) is richer than a table, and readers know it already.</remarks>
internal static class ParquetColumns
{
    public const string Id = "id";
    public const string Task = "task";
    public const string Messages = "messages";
    public const string Unsafe = "unsafe";
    public const string Categories = "categories";
    public const string Language = "language";
    public const string Source = "source";
    public const string Licence = "licence";
    public const string WeakLabel = "weak_label";
    public const string WrittenBy = "written_by";

    /// <summary>For each part of type image, in order: the picture's bytes, or null where its path counts.</summary>
    public const string ImageBytes = "image_bytes";

    /// <summary>Fields of a row that have no column, as one JSON object.</summary>
    public const string Extra = "extra";

    /// <summary>The texts among them, in the order of the file.</summary>
    public static IReadOnlyList<string> Texts { get; } = [Id, Task, Messages, Language, Source, Licence, WrittenBy, Extra];

    /// <summary>The schema that is written.</summary>
    public static ParquetSchema Schema() => new(
    [
        .. Texts.Select(name => (Field)new DataField<string>(name)),
        new DataField<bool?>(Unsafe),
        new DataField<bool?>(WeakLabel),
        new ListField(Categories, new DataField<string>("element")),
        new ListField(ImageBytes, new DataField<byte[]>("element")),
    ]);
}
