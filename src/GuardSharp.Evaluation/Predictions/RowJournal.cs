using System.Text;
using System.Text.Json;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Predictions;

/// <summary>A file of rows that grows as answers come, so that a run can stop anywhere and go on.</summary>
/// <remarks>
/// Each row is handed to the system before the next: a process that is killed loses at most the row it was writing, whose half line the next run
/// takes away. At the end the rows are put in the order of the input, in one step. One process at a time. Safe from any thread.
/// </remarks>
internal sealed class RowJournal : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, string> _rows = new(StringComparer.Ordinal);
    private readonly string _path;
    private readonly FileStream _file;
    private readonly Func<JsonElement, string, string> _keyOf;

    /// <summary>Opens a file and reads the rows it holds.</summary>
    /// <param name="path">Ends in .jsonl: compressed files cannot grow row by row.</param>
    /// <param name="keyOf">What a row is found by, given the row and its place; null: its id.</param>
    /// <exception cref="SampleFileException">The name is another, the file cannot be written, is in use, or holds something else.</exception>
    public RowJournal(string path, Func<JsonElement, string, string>? keyOf = null)
    {
        _keyOf = keyOf ?? ((row, place) => JsonField.Text(row, "id", place));
        if (!path.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase))
        {
            throw new SampleFileException($"{path}: answers are added row by row, which only .jsonl allows. Name the file so; guardsharp data convert packs it afterwards.");
        }

        _path = path;
        try
        {
            _file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new SampleFileException($"{path}: the file cannot be written: {error.Message} Does another run use it?", error);
        }

        try
        {
            Load();
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>The rows there are, by what they are found by.</summary>
    public IReadOnlyDictionary<string, string> Rows => _rows;

    /// <summary>Adds a row.</summary>
    public void Append(string key, string json)
    {
        lock (_gate)
        {
            try
            {
                _file.Write(Encoding.UTF8.GetBytes(json + "\n"));
                _file.Flush();
            }
            catch (IOException error)
            {
                throw new SampleFileException($"{_path}: the file cannot be written: {error.Message} What was answered before is in it.", error);
            }

            _rows[key] = json;
        }
    }

    /// <summary>Puts the rows in an order; rows that it does not name keep theirs, behind the others.</summary>
    public void Sort(IEnumerable<string> keys)
    {
        string[] order = [.. keys.Where(_rows.ContainsKey)];
        var named = order.ToHashSet(StringComparer.Ordinal);
        _file.Dispose();
        using var file = new PendingFile(_path);
        foreach (var key in order.Concat(_rows.Keys.Where(key => !named.Contains(key))))
        {
            file.Stream.Write(Encoding.UTF8.GetBytes(_rows[key] + "\n"));
        }

        file.Commit();
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void Load()
    {
        var whole = 0L;
        var lines = new ByteLines(_file);
        for (var number = 1; lines.Next() is { } line; number++)
        {
            // A line without its feed was being written when a run was killed.
            if (whole + line.Length >= _file.Length)
            {
                break;
            }

            whole += line.Length + 1;
            if (line.Length > 0)
            {
                var json = Encoding.UTF8.GetString(line.Span);
                _rows[KeyOf(json, number)] = json;
            }
        }

        _file.SetLength(whole);
        _file.Position = whole;
    }

    private string KeyOf(string json, int number)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return _keyOf(document.RootElement, $"{_path}:{number}");
        }
        catch (JsonException error)
        {
            throw new SampleFileException($"{_path}:{number}: not a row of an earlier run. Name another file, or remove this one.", error);
        }
    }
}
