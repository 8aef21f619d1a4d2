using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Datasets.Import;

/// <summary>A published file in, rows of our schema out.</summary>
internal static class DatasetImport
{
    /// <summary>Imports a file.</summary>
    /// <param name="format">The data set.</param>
    /// <param name="input">The file as it was published.</param>
    /// <param name="output">Ends in .jsonl, .jsonl.gz or .parquet; appears whole or not at all.</param>
    /// <param name="images">Folder of the pictures; null: where the data set keeps them beside the file.</param>
    /// <param name="cancellationToken">Stops; nothing is left behind but pictures already copied.</param>
    /// <exception cref="GuardException">The format is unknown, the file has other columns, a cell cannot be used, or a picture is missing.</exception>
    public static ImportTally Import(string format, string input, string output, string? images, CancellationToken cancellationToken)
    {
        var layouts = ImportLayouts.Of(format);
        if (Path.GetFullPath(input) == Path.GetFullPath(output))
        {
            throw new GuardException($"{output}: the rows would take the place of the file they are made of. Name another file.");
        }

        var (tally, pictures) = (new ImportTally(), new RowPictures(output));
        using var sink = RowSink.Create(output);
        ImportLayout? layout = null;
        foreach (var row in ImportFile.Read(input))
        {
            cancellationToken.ThrowIfCancellationRequested();
            tally.Read++;
            layout ??= layouts.FirstOrDefault(candidate => candidate.Fits(row)) ?? throw NotFitting(layouts, row, input);
            // JSON may leave fields out row by row.
            foreach (var imported in layout.Fits(row) ? layout.Map(row, tally) : throw NotFitting([layout], row, row.Place))
            {
                var picture = imported.Image is { } image ? pictures.Take(Find(images ?? Path.Combine(RowLines.FolderOf(input), layout.ImageFolder), image, row)) : null;
                sink.Write(RowPictures.Text(imported.ToJson(layout.Format, picture)));
                tally.Written++;
                tally.Unsafe += imported.Unsafe ? 1 : 0;
                tally.Pictures += picture is null ? 0 : 1;
            }
        }

        if (tally.Written == 0)
        {
            throw new SampleFileException($"{input}: none of its {tally.Read} rows gave a row{(tally.Skipped.Count > 0 ? $" ({string.Join("; ", tally.Skipped.Keys)})" : "")}.");
        }

        sink.Commit();
        return tally;
    }

    private static SampleFileException NotFitting(IReadOnlyList<ImportLayout> layouts, ImportRow row, string place) => new(
        $"{place}: not {layouts[0].Format} as it was published. It has the columns {string.Join(", ", row.Columns)}; expected {string.Join(", or ", layouts.Select(layout => $"{layout.Expected} ({layout.About})"))}.");

    private static string Find(string folder, string image, ImportRow row)
    {
        var file = Path.GetFullPath(Path.Combine(folder, image));
        return File.Exists(file)
            ? file
            : throw new SampleFileException($"{row.Place}: its picture {file} is missing. Name the folder of the pictures with --images.");
    }
}
