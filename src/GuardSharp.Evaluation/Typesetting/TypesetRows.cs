using System.Text;
using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Evaluation.Attacks.BlackBox;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Typesetting;

/// <summary>Labelled prompts as pictures of their text, safe ones and unsafe ones alike: what defences and attacks of pictures cost and gain is measured on such rows.</summary>
internal static class TypesetRows
{
    /// <summary>Name of the file of rows in the output folder; pictures lie beside it in <c>images</c>.</summary>
    public const string RowsFile = "rows.jsonl";

    private const string ImageFolder = "images";

    /// <summary>Writes the pictures, then the file of rows.</summary>
    /// <param name="path">Labelled rows.</param>
    /// <param name="folder">Made where it is missing.</param>
    /// <param name="count">Rows of each class at most, drawn by chance from those that can be typeset.</param>
    /// <param name="seed">Seed of the draw.</param>
    /// <param name="cancellationToken">Stops between two rows.</param>
    /// <returns>How many rows of each class were written.</returns>
    /// <exception cref="SampleFileException">A row is not in the schema, the folder cannot be written to, or no row can be typeset.</exception>
    public static (int Safe, int Unsafe) Write(string path, string folder, int count, ulong seed, CancellationToken cancellationToken)
    {
        var attack = new TypesetAttack();
        var ranked = SampleReader.Read(path, labelled: true).Where(sample => sample.Task == SampleTask.Prompt && sample.Conversation.Turns.Count == 1)
            .Select((sample, place) => (Sample: sample, Place: place)).OrderBy(row => BlackBoxRun.SeedOf(seed, row.Sample.Id)).ToList();
        // Drawing is what takes time: only rows of the draw are drawn, in its order, until there are enough.
        var chosen = ((bool[])[true, false]).SelectMany(isUnsafe => ranked.Where(row => row.Sample.Unsafe == isUnsafe)
                .Select(row => (row.Sample, row.Place, Turn: attack.Apply(row.Sample.Conversation, 0)?.Turns[^1])).Where(row => row.Turn is not null).Take(count))
            .OrderBy(row => row.Place).ToList();
        if (chosen.Count == 0)
        {
            throw new SampleFileException($"{path}: no row is a prompt of text alone that the font can write.");
        }

        Directory.CreateDirectory(Path.Combine(folder, ImageFolder));
        using var rows = new PendingFile(Path.Combine(folder, RowsFile));
        for (var i = 0; i < chosen.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var (sample, _, turn) = chosen[i];
            var image = $"{ImageFolder}/{i:D5}.png";
            using (var picture = new PendingFile(Path.Combine(folder, image)))
            {
                picture.Stream.Write(((ImagePart)turn!.Parts[0]).Data.Span);
                picture.Commit();
            }

            rows.Stream.Write(Encoding.UTF8.GetBytes(RowOf(sample, image, ((TextPart)turn.Parts[1]).Text) + "\n"));
        }

        rows.Commit();
        return (chosen.Count(row => row.Sample.Unsafe == false), chosen.Count(row => row.Sample.Unsafe == true));
    }

    private static string RowOf(Sample sample, string image, string question)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("id", sample.Id);
            json.WriteString("task", "prompt");
            json.WriteStartArray("messages");
            json.WriteStartObject();
            json.WriteString("role", "user");
            json.WriteStartArray("content");
            json.WriteStartObject();
            json.WriteString("type", "image");
            json.WriteString("path", image);
            json.WriteEndObject();
            json.WriteStartObject();
            json.WriteString("type", "text");
            json.WriteString("text", question);
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteBoolean("unsafe", sample.Unsafe == true);
            json.WriteStartArray("categories");
            foreach (var code in sample.Categories)
            {
                json.WriteStringValue(code);
            }

            json.WriteEndArray();
            json.WriteString("language", sample.Language);
            json.WriteString("source", sample.Source);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }
}
