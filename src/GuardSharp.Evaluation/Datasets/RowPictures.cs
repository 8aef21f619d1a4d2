using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Datasets;

/// <summary>Takes the pictures of rows along to another folder: paths are relative to the file that names them.</summary>
/// <remarks>
/// Below the folder of the new file pictures stay where they are and only their paths change; others are copied to a folder beside it, named
/// after their content, so that the same picture is there once.
/// </remarks>
/// <param name="output">The file that is written.</param>
internal sealed class RowPictures(string output)
{
    private static readonly JsonSerializerOptions _readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string _folder = RowLines.FolderOf(output);
    private readonly string _copies = Path.GetFileName(output).Split('.')[0] + ".pictures";

    /// <summary>Pictures that were copied.</summary>
    public int Copied { get; private set; }

    /// <summary>The row as it must stand in the new file; pictures inside the row stay there.</summary>
    /// <exception cref="SampleFileException">A picture cannot be copied.</exception>
    public string Take(DataRow row)
    {
        var source = RowLines.FolderOf(row.File);
        if (source == _folder || row.Pictures.All(IsEmbedded))
        {
            return row.Json;
        }

        var node = JsonNode.Parse(row.Json)!;
        foreach (var part in AllParts(node).Where(part => BytesIn(part) is null))
        {
            Name(part, Take(Path.Combine(source, PathOf(part))));
        }

        return Text(node);
    }

    /// <summary>The path at which a picture's file stands beside the new file.</summary>
    /// <exception cref="SampleFileException">It cannot be copied there.</exception>
    public string Take(string file)
    {
        var relative = Path.GetRelativePath(_folder, file);
        return !Path.IsPathRooted(relative) && relative.Split(Path.DirectorySeparatorChar)[0] != ".."
            ? relative.Replace(Path.DirectorySeparatorChar, '/')
            : Write(Read(file), Path.GetExtension(file));
    }

    /// <summary>Writes a picture beside the new file.</summary>
    /// <returns>Its path there.</returns>
    /// <exception cref="SampleFileException">It cannot be written.</exception>
    public string Write(ReadOnlySpan<byte> bytes, string extension)
    {
        var path = $"{_copies}/{Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 16))}{extension}";
        var full = Path.Combine(_folder, path);
        try
        {
            if (!File.Exists(full))
            {
                Directory.CreateDirectory(Path.GetDirectoryName(full)!);
                File.WriteAllBytes(full, bytes);
                Copied++;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SampleFileException($"{full}: the picture cannot be written: {error.Message}", error);
        }

        return path;
    }

    /// <summary>The bytes of a picture's file.</summary>
    /// <exception cref="SampleFileException">It cannot be read.</exception>
    public static byte[] Read(string file)
    {
        try
        {
            return File.ReadAllBytes(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new SampleFileException($"{file}: the picture cannot be read: {error.Message}", error);
        }
    }

    /// <summary>Whether a picture of <see cref="DataRow.Pictures"/> is inside its row.</summary>
    public static bool IsEmbedded(string picture) => picture.StartsWith("data:", StringComparison.Ordinal);

    /// <summary>The parts of a row that are pictures, in their order.</summary>
    public static IEnumerable<JsonObject> AllParts(JsonNode row) =>
        (row["messages"] as JsonArray ?? throw new SampleFileException("the row has no list of \"messages\"."))
            .Select(message => message?["content"]).OfType<JsonArray>()
            .SelectMany(content => content).OfType<JsonObject>()
            .Where(part => part["type"]?.GetValue<string>() is "image" or "image_url" or "input_image").ToList();

    /// <summary>The bytes of a part that holds its picture; null where it names a file.</summary>
    /// <exception cref="SampleFileException">It is neither.</exception>
    public static byte[]? BytesIn(JsonObject part)
    {
        if (part["type"]!.GetValue<string>() == "image")
        {
            return null;
        }

        var url = (part["image_url"] is JsonObject inner ? inner["url"] : part["image_url"])?.GetValue<string>() ?? "";
        var at = url.StartsWith("data:image/", StringComparison.OrdinalIgnoreCase) ? url.IndexOf(";base64,", StringComparison.OrdinalIgnoreCase) : -1;
        try
        {
            return at > 0 ? Convert.FromBase64String(url[(at + 8)..]) : throw new SampleFileException("a picture is named by a URL, which is not fetched. Keep its file beside the rows.");
        }
        catch (FormatException error)
        {
            throw new SampleFileException("a picture's data URI is not base64.", error);
        }
    }

    /// <summary>The path a part of type image names.</summary>
    public static string PathOf(JsonObject part) => part["path"]?.GetValue<string>() is { Length: > 0 } path && !Path.IsPathRooted(path)
        ? path
        : throw new SampleFileException("a picture's path is missing or absolute.");

    /// <summary>Makes a part name a file.</summary>
    public static void Name(JsonObject part, string path)
    {
        part.Clear();
        part["type"] = "image";
        part["path"] = path;
    }

    /// <summary>A row as one line.</summary>
    public static string Text(JsonNode row) => row.ToJsonString(_readable);
}
