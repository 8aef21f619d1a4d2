namespace GuardSharp.Tests.EmbeddedModel;

/// <summary>The fixed list: 20 plainly safe and 20 plainly unsafe everyday sentences in the eight languages. Never learned from, never tuned on.</summary>
internal static class SentenceList
{
    /// <summary>All sentences, in the order of the file.</summary>
    public static IReadOnlyList<(bool Unsafe, string Language, string Text)> Read()
    {
        using var stream = typeof(SentenceList).Assembly.GetManifestResourceStream("sentences.tsv")!;
        using var reader = new StreamReader(stream);
        return [.. reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(line => line.Split('\t'))
            .Select(cells => (cells[0] == "unsafe", cells[1], cells[2]))];
    }
}
