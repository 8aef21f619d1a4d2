using System.Text;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Lab.Training;

namespace GuardSharp.Lab.FineTuning.Rows;

/// <summary>The usable rows of a file. They are kept as UTF-8 and read again each time they are seen: pictures stay on the disk.</summary>
internal sealed class RowSource
{
    private readonly string _folder;
    private readonly List<(byte[] Line, long Number)> _rows = [];

    private RowSource(SftSource config)
    {
        Config = config;
        _folder = Path.GetDirectoryName(Path.GetFullPath(config.File)) ?? ".";
    }

    /// <summary>The file and its part in the blend.</summary>
    public SftSource Config { get; }

    /// <summary>Usable rows.</summary>
    public int Count => _rows.Count;

    /// <summary>Reads a file and checks every row: its form and label, that its pictures are there, and where it has none that its prompt can be made.</summary>
    /// <param name="config">The file.</param>
    /// <param name="encoder">Makes the prompts.</param>
    /// <param name="bad">Told of rows that cannot be used.</param>
    /// <exception cref="SampleFileException">The file cannot be read.</exception>
    /// <exception cref="TrainingException">No row can be used.</exception>
    public static RowSource Load(SftSource config, RowEncoder encoder, BadRows bad)
    {
        var source = new RowSource(config);
        var others = 0;
        foreach (var (text, line) in SampleReader.ReadLines(config.File))
        {
            var place = $"{config.File}:{line}";
            try
            {
                var sample = SampleReader.ParseRow(text, source._folder, place, line, labelled: true);
                if (sample.ImageCount < config.MinImages || sample.ImageCount > (config.MaxImages ?? int.MaxValue))
                {
                    others++;
                    continue;
                }

                encoder.Check(sample);
                source._rows.Add((Encoding.UTF8.GetBytes(text), line));
            }
            catch (GuardException error)
            {
                bad.Add(place, error.Message);
            }
        }

        return source.Count > 0 ? source : throw new TrainingException(
            $"{config.File}: no row can be used ({bad.Count} bad rows so far, {others} with fewer or more pictures than this source takes).");
    }

    /// <summary>A row, its pictures loaded.</summary>
    /// <exception cref="GuardException">Something about it changed on the disk.</exception>
    public Sample Read(int row)
    {
        var (line, number) = _rows[row];
        return SampleReader.ParseRow(Encoding.UTF8.GetString(line), _folder, Place(row), number, labelled: true);
    }

    /// <summary>File and line of a row.</summary>
    public string Place(int row) => $"{Config.File}:{_rows[row].Number}";
}
