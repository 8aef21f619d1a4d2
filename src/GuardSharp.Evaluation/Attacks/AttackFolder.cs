using System.Text.Json;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Attacks;

/// <summary>The folder of an attack: results.jsonl, which grows row by row, pictures/, and attack.json, which appears when all is done.</summary>
/// <remarks>A run that was stopped goes on where it was: what <see cref="Find"/> knows need not be done again. Safe from any thread.</remarks>
public sealed class AttackFolder : IDisposable
{
    /// <summary>Name of the file of results.</summary>
    public const string ResultsFile = "results.jsonl";

    /// <summary>Name of the file of the summary.</summary>
    public const string SummaryFile = "attack.json";

    private const string PictureFolder = "pictures";
    private const string SettingsFile = "settings.json";

    private readonly Lock _gate = new();
    private readonly string _folder;
    private readonly RowJournal _journal;
    private readonly AttackSummary _empty;

    private AttackFolder(string folder, AttackSummary empty, RowJournal journal) => (_folder, _empty, _journal) = (folder, empty, journal);

    /// <summary>Makes a folder, or goes on in one whose attack, model, data and settings are the same.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="run">What is attacked and how; its table is empty.</param>
    /// <exception cref="SampleFileException">The folder cannot be written to, or holds another run.</exception>
    public static AttackFolder Open(string folder, AttackSummary run)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new SampleFileException($"{folder}: the folder cannot be made: {error.Message}", error);
        }

        var settings = Path.Combine(folder, SettingsFile);
        var text = JsonSerializer.Serialize(run, AttackJson.Default.AttackSummary);
        if (!File.Exists(settings))
        {
            Write(settings, text);
        }
        else if (File.ReadAllText(settings).TrimEnd() != text)
        {
            throw new SampleFileException($"{folder}: the folder holds a run with other settings ({SettingsFile}). Name another folder, or give the same options to go on.");
        }

        return new AttackFolder(folder, run, new RowJournal(Path.Combine(folder, ResultsFile), KeyOf));
    }

    /// <summary>The result of a row under a setting, of this run or one that was stopped; null where there is none.</summary>
    public AttackResult? Find(string setting, string id)
    {
        lock (_gate)
        {
            return _journal.Rows.TryGetValue(Key(setting, id), out var row) ? Parse(row) : null;
        }
    }

    /// <summary>Writes a picture under a name of its own.</summary>
    /// <param name="name">Name of the file; letters that a file system may not take are replaced.</param>
    /// <param name="data">Its bytes.</param>
    /// <returns>The path relative to the folder, as <see cref="AttackResult"/> names it.</returns>
    public string WritePicture(string name, ReadOnlySpan<byte> data)
    {
        var file = string.Concat(name.Select(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_' ? letter : '_'));
        Directory.CreateDirectory(Path.Combine(_folder, PictureFolder));
        using var pending = new PendingFile(Path.Combine(_folder, PictureFolder, file));
        pending.Stream.Write(data);
        pending.Commit();
        return $"{PictureFolder}/{file}";
    }

    /// <summary>Where a path of a result lies.</summary>
    public string PathOf(string relative) => Path.Combine(_folder, relative);

    /// <summary>Adds a result.</summary>
    public void Add(AttackResult result)
    {
        lock (_gate)
        {
            _journal.Append(Key(result.Setting, result.Id), JsonSerializer.Serialize(result, AttackJson.Default.AttackResult));
        }
    }

    /// <summary>Writes attack.json from all results.</summary>
    public AttackSummary Finish()
    {
        var summary = _empty with { Table = AttackSummary.TableOf(_journal.Rows.Values.Select(Parse)) };
        Write(Path.Combine(_folder, SummaryFile), JsonSerializer.Serialize(summary, AttackJson.Default.AttackSummary));
        return summary;
    }

    /// <summary>The summary and the results of a folder.</summary>
    /// <exception cref="SampleFileException">A file is missing or damaged.</exception>
    public static (AttackSummary Summary, IReadOnlyList<AttackResult> Results) Read(string folder)
    {
        var (file, results) = (Path.Combine(folder, SummaryFile), Path.Combine(folder, ResultsFile));
        try
        {
            var summary = JsonSerializer.Deserialize(File.ReadAllText(file), AttackJson.Default.AttackSummary);
            return summary is null
                ? throw new SampleFileException($"{file}: the file is empty.")
                : (summary, [.. SampleReader.ReadLines(results).Select(row => Parse(row.Text, results))]);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new SampleFileException($"{file}: not the summary of an attack that came to its end: {error.Message}", error);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _journal.Dispose();

    private static string KeyOf(JsonElement row, string place) => Key(JsonField.Text(row, "setting", place), JsonField.Text(row, "id", place));

    // No setting holds a line feed: one key cannot be taken for another.
    private static string Key(string setting, string id) => $"{setting}\n{id}";

    private AttackResult Parse(string row) => Parse(row, Path.Combine(_folder, ResultsFile));

    private static AttackResult Parse(string row, string file)
    {
        try
        {
            return JsonSerializer.Deserialize(row, AttackJson.Default.AttackResult)!;
        }
        catch (JsonException error)
        {
            throw new SampleFileException($"{file}: a line is not the result of an attack. Name another folder, or remove this one.", error);
        }
    }

    private static void Write(string path, string text)
    {
        using var file = new PendingFile(path);
        file.Stream.Write(System.Text.Encoding.UTF8.GetBytes(text + "\n"));
        file.Commit();
    }
}
