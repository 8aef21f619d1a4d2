using System.IO.Compression;
using GuardSharp.Defences;

namespace GuardSharp.Lab.Training.Text;

/// <summary>Counts runs of letters for the perplexity defence (<see cref="LetterModel"/>).</summary>
internal sealed class LetterModelTrainer
{
    private readonly int[] _runs = new int[LetterModel.Runs];
    private readonly int[] _totals = new int[LetterModel.Contexts];
    private readonly int[] _kinds = new int[LetterModel.Contexts];
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);

    /// <summary>Learns from a text.</summary>
    public void Add(string text)
    {
        var words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Select(word => LetterSymbols.Of(word));
        var symbols = " " + string.Concat(words);
        for (var i = 1; i < symbols.Length; i++)
        {
            for (var length = 0; length < LetterModel.Order && length <= i; length++)
            {
                var run = symbols.Substring(i - length, length + 1);
                var context = LetterModel.Hash(run.AsSpan(0, length)) % LetterModel.Contexts;
                _runs[LetterModel.Hash(run) % LetterModel.Runs]++;
                _totals[context]++;
                _kinds[context] += _seen.Add(run) ? 1 : 0;
            }
        }
    }

    /// <summary>The model as the library would read it.</summary>
    public LetterModel ToModel() => new(Stored(_runs), Stored(_totals), Stored(_kinds));

    /// <summary>The tables packed, as the library holds them.</summary>
    public byte[] Pack()
    {
        using var buffer = new MemoryStream();
        using (var stream = new GZipStream(buffer, CompressionLevel.SmallestSize))
        {
            foreach (var table in (int[][])[_runs, _totals, _kinds])
            {
                stream.Write(Stored(table));
            }
        }

        return buffer.ToArray();
    }

    private static byte[] Stored(int[] counts) => Array.ConvertAll(counts, LetterModel.Quantise);
}
