using System.Globalization;
using System.Text;
using System.Text.Json;

namespace GuardSharp.Server.Audit.Recording;

/// <summary>A process's run: the numbers of decisions count from 1 in each.</summary>
/// <param name="Run">A version 7 UUID, 32 hexadecimal digits.</param>
/// <param name="Host">The machine.</param>
/// <param name="Started">When it began.</param>
/// <param name="Durability">Whether a decision that is missing may have been answered (<c>Buffered</c>) or not (<c>BeforeAnswer</c>).</param>
internal sealed record RunStart(string Run, string Host, DateTimeOffset Started, string Durability);

/// <summary>Counts the decisions of a run where a kill cannot take the count away: in a file, written anew with every decision.</summary>
/// <remarks>
/// Safe from any thread. The operating system keeps what a killed process wrote, so after a kill the count is exact. It is not forced to disk: after a
/// power cut it may be older than the store, and the next start then knows the holes between stored decisions but not how many came after the last.
/// The open file is locked, which tells others that the run lives. Its room is allotted at the start, so a full disk does not stop the counting.
/// </remarks>
internal sealed class RunFile : IDisposable
{
    private const int Digits = 20;
    private const string Extension = ".run";

    private readonly Lock _lock = new();
    private readonly FileStream _file;
    private readonly byte[] _text = new byte[Digits];
    private long _taken;
    private bool _failed;

    private RunFile(FileStream file, RunStart start, long taken)
    {
        _file = file;
        Start = start;
        _taken = taken;
    }

    /// <summary>The run.</summary>
    public RunStart Start { get; }

    /// <summary>The number of decisions taken: the last one's number.</summary>
    public long Taken => Volatile.Read(ref _taken);

    /// <summary>Whether the count could not be written: after a kill the end of the run is then unknown.</summary>
    public bool Failed => Volatile.Read(ref _failed);

    /// <summary>Where the run's spilled decisions are.</summary>
    public string SpillPath => System.IO.Path.ChangeExtension(_file.Name, ".spill.jsonl");

    /// <summary>Begins a run.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static RunFile Begin(string folder, RunStart start)
    {
        var file = PrivateFile.Create(System.IO.Path.Combine(folder, start.Run + Extension));
        file.Write(Encoding.UTF8.GetBytes($"{new string('0', Digits)}\n{JsonSerializer.Serialize(start, RecordingJson.Default.RunStart)}\n"));
        file.Flush(flushToDisk: true);
        return new RunFile(file, start, 0);
    }

    /// <summary>The runs in a folder whose processes are gone. They are this one's from now on.</summary>
    public static IReadOnlyList<RunFile> Adopt(string folder)
    {
        var runs = new List<RunFile>();
        foreach (var path in Directory.EnumerateFiles(folder, "*" + Extension).Order(StringComparer.Ordinal))
        {
            if (TryAdopt(path) is { } run)
            {
                runs.Add(run);
            }
        }

        return runs;
    }

    /// <summary>The next decision's number.</summary>
    public long Next()
    {
        lock (_lock)
        {
            var number = ++_taken;
            number.TryFormat(_text, out _, "D20", CultureInfo.InvariantCulture);
            try
            {
                RandomAccess.Write(_file.SafeFileHandle, _text, 0);
                _failed = false;
            }
            catch (IOException)
            {
                // The count is for reports after a kill; a verdict does not wait for a disk to be mended.
                _failed = true;
            }

            return number;
        }
    }

    /// <summary>Ends the run for good: everything about it is in the store.</summary>
    public void Delete()
    {
        var path = _file.Name;
        _file.Dispose();
        File.Delete(path);
    }

    /// <summary>Closes the file and leaves it for the next start.</summary>
    public void Dispose() => _file.Dispose();

    private static RunFile? TryAdopt(string path)
    {
        FileStream file;
        try
        {
            file = PrivateFile.Open(path);
        }
        catch (IOException)
        {
            // Locked: its process lives. Gone: another process was quicker.
            return null;
        }

        using var reader = new StreamReader(file, Encoding.UTF8, leaveOpen: true);
        var count = reader.ReadLine();
        var start = ReadStart(reader.ReadLine());
        // A file that a power cut left empty: the name still tells the run, the store what came of it.
        start ??= new RunStart(System.IO.Path.GetFileNameWithoutExtension(path), "unknown", File.GetCreationTimeUtc(path), nameof(AuditDurability.Buffered));
        return new RunFile(file, start, long.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var taken) ? taken : 0);
    }

    private static RunStart? ReadStart(string? line)
    {
        try
        {
            return line is null ? null : JsonSerializer.Deserialize(line, RecordingJson.Default.RunStart);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
