using System.Text.Json;
using System.Text.Json.Nodes;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Datasets;

/// <summary>Writes rows in another form. Nothing but the form changes: every field stays, known or not.</summary>
internal static class DatasetConversion
{
    /// <summary>Converts a file.</summary>
    /// <param name="input">JSON Lines, plain or gzip, or Parquet.</param>
    /// <param name="output">Ends in .jsonl, .jsonl.gz or .parquet.</param>
    /// <param name="embed">Whether pictures go into the file (Parquet only); otherwise they are files beside it, and rows hold their paths.</param>
    /// <param name="cancellationToken">Stops; nothing is left behind but pictures already copied.</param>
    /// <returns>Rows, and pictures copied or embedded.</returns>
    /// <exception cref="GuardException">A row is damaged, a picture is missing, or the output's name tells no kind.</exception>
    public static (long Rows, long Pictures) Convert(string input, string output, bool embed, CancellationToken cancellationToken)
    {
        if (embed && !output.EndsWith(".parquet", StringComparison.OrdinalIgnoreCase))
        {
            throw new GuardException($"{output}: only .parquet holds pictures. Name the file so, or leave --images embed out.");
        }

        if (Path.GetFullPath(input) == Path.GetFullPath(output))
        {
            throw new GuardException($"{output}: the rows would take the place of those they are made of. Name another file.");
        }

        var (folder, pictures, rows, embedded) = (RowLines.FolderOf(input), new RowPictures(output), 0L, 0L);
        using var sink = RowSink.Create(output);
        foreach (var (text, line) in SampleReader.ReadLines(input))
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                var (json, images) = Row(text, folder, pictures, embed);
                sink.Write(json, images);
                (rows, embedded) = (rows + 1, embedded + images.Count);
            }
            catch (GuardException error)
            {
                throw new SampleFileException($"{input}:{line}: {error.Message}", error);
            }
            catch (Exception error) when (error is JsonException or InvalidOperationException or NullReferenceException or KeyNotFoundException)
            {
                throw new SampleFileException($"{input}:{line}: not a row in the schema. guardsharp data check says what is wrong with it.", error);
            }
        }

        sink.Commit();
        return (rows, embed ? embedded : pictures.Copied);
    }

    private static (string Json, IReadOnlyList<byte[]?> Images) Row(string text, string folder, RowPictures pictures, bool embed)
    {
        if (!text.Contains("\"image", StringComparison.Ordinal))
        {
            using var whole = JsonDocument.Parse(text);
            return whole.RootElement.TryGetProperty("messages", out _) ? (text, []) : throw new SampleFileException("the row has no \"messages\".");
        }

        var row = JsonNode.Parse(text)!;
        var images = new List<byte[]?>();
        foreach (var part in RowPictures.AllParts(row))
        {
            var bytes = RowPictures.BytesIn(part);
            if (embed)
            {
                images.Add(bytes ?? RowPictures.Read(Path.Combine(folder, RowPictures.PathOf(part))));
                // Readers count the parts of this type: each has its bytes.
                RowPictures.Name(part, bytes is null ? RowPictures.PathOf(part) : "embedded");
            }
            else
            {
                RowPictures.Name(part, bytes is null ? pictures.Take(Path.Combine(folder, RowPictures.PathOf(part))) : pictures.Write(bytes, PictureContent.Extension(bytes)));
            }
        }

        return (RowPictures.Text(row), images);
    }
}
