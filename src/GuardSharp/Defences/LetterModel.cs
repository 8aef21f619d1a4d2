using System.IO.Compression;

namespace GuardSharp.Defences;

/// <summary>How likely the letters of a text are in this order: a small model of four letters' runs in the languages of Latin script.</summary>
/// <remarks>
/// Interpolated counts (I. H. Witten, T. C. Bell, 1991), hashed, learned from our own rows (models/training/written-train.jsonl) by the Lab's
/// LetterModelTrainer. It knows what words look like and hardly what they mean. Immutable; safe from any thread.
/// </remarks>
internal sealed class LetterModel
{
    /// <summary>Letters of a run.</summary>
    internal const int Order = 4;

    /// <summary>Entries of the table of runs, and of the tables of what stands before a letter.</summary>
    internal const int Runs = 1 << 20;
    internal const int Contexts = 1 << 18;

    private const string Resource = "Defences/letters.bin.gz";

    // More than there are symbols in use: an unseen one costs about five nats.
    private const double Symbols = 128;

    // Counts are stored as steps of a twelfth of a doubling.
    private const double Steps = 12;

    private static readonly double[] _counts = [.. Enumerable.Range(0, 256).Select(step => Math.Pow(2, step / Steps) - 1)];

    private readonly byte[] _runs;
    private readonly byte[] _totals;
    private readonly byte[] _kinds;

    /// <param name="runs">[Runs]: how often a run was seen.</param>
    /// <param name="totals">[Contexts]: how often what stands before its last letter was seen.</param>
    /// <param name="kinds">[Contexts]: how many different letters followed that.</param>
    internal LetterModel(byte[] runs, byte[] totals, byte[] kinds) => (_runs, _totals, _kinds) = (runs, totals, kinds);

    /// <summary>The model in the library.</summary>
    public static LetterModel Load()
    {
        using var packed = typeof(LetterModel).Assembly.GetManifestResourceStream(Resource)!;
        using var stream = new GZipStream(packed, CompressionMode.Decompress);
        byte[] Read(int length)
        {
            var bytes = new byte[length];
            stream.ReadExactly(bytes);
            return bytes;
        }

        return new LetterModel(Read(Runs), Read(Contexts), Read(Contexts));
    }

    /// <summary>A count as it is stored.</summary>
    internal static byte Quantise(int count) => (byte)Math.Min(255, Math.Round(Math.Log2(1 + count) * Steps));

    /// <summary>Nats of each symbol given those before it.</summary>
    /// <param name="symbols">The text as <see cref="LetterSymbols"/> writes it.</param>
    public double[] Costs(ReadOnlySpan<char> symbols)
    {
        var costs = new double[symbols.Length];
        for (var i = 0; i < symbols.Length; i++)
        {
            var probability = 1 / Symbols;
            for (var length = 0; length < Order && length <= i; length++)
            {
                var before = symbols.Slice(i - length, length);
                var context = Hash(before) % Contexts;
                var kinds = _counts[_kinds[context]];
                if (kinds == 0)
                {
                    break;
                }

                var seen = _counts[_runs[Hash(symbols.Slice(i - length, length + 1)) % Runs]];
                probability = (seen + (kinds * probability)) / (_counts[_totals[context]] + kinds);
            }

            costs[i] = -Math.Log(probability);
        }

        return costs;
    }

    /// <summary>FNV-1a with the finisher of MurmurHash3, the length mixed in.</summary>
    internal static uint Hash(ReadOnlySpan<char> symbols)
    {
        var hash = 2166136261u ^ (uint)symbols.Length;
        foreach (var symbol in symbols)
        {
            hash = (hash ^ symbol) * 16777619u;
        }

        hash = (hash ^ (hash >> 16)) * 0x85EBCA6B;
        hash = (hash ^ (hash >> 13)) * 0xC2B2AE35;
        return hash ^ (hash >> 16);
    }
}
