using System.Data.Common;
using System.Text.Json;
using GuardSharp.Server.Audit.Recording;

namespace GuardSharp.Server.Audit.Store;

/// <summary>Decisions and labels to columns and back.</summary>
internal static class DecisionColumns
{
    /// <summary>Stores one decision, unless its id is there.</summary>
    public const string Insert =
        """
        INSERT INTO audit_decisions (id, run, number, time_ms, key_name, endpoint, task, unsafe, unsafe_probability, threshold, categories,
            category_probabilities, policy_version, model, prompt_tokens, image_tokens, latency_ms, content_hash, content)
        VALUES (@id, @run, @number, @time, @key, @endpoint, @task, @unsafe, @probability, @threshold, @categories,
            @probabilities, @policy, @model, @prompt_tokens, @image_tokens, @latency, @hash, @content)
        ON CONFLICT (id) DO NOTHING
        """;

    private const string Columns =
        """
        SELECT d.sequence, d.id, d.run, d.number, d.time_ms, d.key_name, d.endpoint, d.task, d.unsafe, d.unsafe_probability, d.threshold, d.categories,
            d.category_probabilities, d.policy_version, d.model, d.prompt_tokens, d.image_tokens, d.latency_ms, d.content_hash,
            l.correct, l.categories, l.note, l.reviewer, l.time_ms,
        """;

    private const string Tables =
        """
        FROM audit_decisions d
        LEFT JOIN audit_labels l ON l.sequence = (SELECT MAX(sequence) FROM audit_labels WHERE decision_id = d.id)
        """;

    private const int FirstLabelColumn = 19;
    private const int ContentColumn = 24;

    /// <summary>Selects decisions with the label that counts; to be followed by conditions.</summary>
    /// <param name="content">Whether the content is read.</param>
    public static string Select(bool content) => $"{Columns} {(content ? "d.content" : "NULL")} {Tables}";

    /// <summary>The parameters of <see cref="Insert"/>.</summary>
    public static IEnumerable<(string Name, object? Value)> Parameters(DecisionRow row) =>
    [
        ("@id", row.Id),
        ("@run", row.Run),
        ("@number", row.Number),
        ("@time", row.Time.ToUnixTimeMilliseconds()),
        ("@key", row.Key),
        ("@endpoint", row.Endpoint),
        ("@task", row.Task),
        ("@unsafe", row.Unsafe),
        ("@probability", row.UnsafeProbability),
        ("@threshold", row.Threshold),
        ("@categories", WriteList(row.Categories)),
        ("@probabilities", JsonSerializer.Serialize(row.Probabilities, RecordingJson.Default.IReadOnlyDictionaryStringDouble)),
        ("@policy", row.PolicyVersion),
        ("@model", row.Model),
        ("@prompt_tokens", row.PromptTokens),
        ("@image_tokens", row.ImageTokens),
        ("@latency", row.LatencyMs),
        ("@hash", row.ContentHash),
        ("@content", row.Content),
    ];

    /// <summary>Reads a row of <see cref="Select"/>.</summary>
    public static StoredDecision Read(DbDataReader row) => new(
        row.GetInt64(0),
        new DecisionRow
        {
            Id = row.GetString(1),
            Run = row.GetString(2),
            Number = row.GetInt64(3),
            Time = row.GetTime(4),
            Key = row.GetString(5),
            Endpoint = row.GetString(6),
            Task = row.GetString(7),
            Unsafe = row.GetBoolean(8),
            UnsafeProbability = row.GetDouble(9),
            Threshold = row.GetDouble(10),
            Categories = ReadList(row.GetString(11)),
            Probabilities = JsonSerializer.Deserialize(row.GetString(12), RecordingJson.Default.IReadOnlyDictionaryStringDouble)!,
            PolicyVersion = row.GetString(13),
            Model = row.GetString(14),
            PromptTokens = row.GetInt32(15),
            ImageTokens = row.GetInt32(16),
            LatencyMs = row.GetDouble(17),
            ContentHash = row.GetString(18),
            Content = row.GetTextOrNull(ContentColumn),
        },
        row.IsDBNull(FirstLabelColumn) ? null : ReadLabel(row, FirstLabelColumn));

    /// <summary>Reads a label: correct, categories, note, reviewer, time.</summary>
    public static StoredLabel ReadLabel(DbDataReader row, int first) => new(
        row.GetBoolean(first),
        row.GetTextOrNull(first + 1) is { } codes ? ReadList(codes) : null,
        row.GetTextOrNull(first + 2),
        row.GetString(first + 3),
        row.GetTime(first + 4));

    /// <summary>A list of codes as JSON.</summary>
    public static string WriteList(IReadOnlyList<string> codes) => JsonSerializer.Serialize(codes, RecordingJson.Default.IReadOnlyListString);

    private static IReadOnlyList<string> ReadList(string json) => JsonSerializer.Deserialize(json, RecordingJson.Default.IReadOnlyListString)!;
}
