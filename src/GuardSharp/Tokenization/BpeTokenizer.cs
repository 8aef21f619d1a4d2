using System.Buffers;
using System.Text;

namespace GuardSharp.Tokenization;

/// <summary>The byte-level byte-pair encoding of the Llama checkpoints.</summary>
/// <remarks>Knows nothing about prompts: special ids come from <see cref="TryGetSpecial"/> only. Made by <see cref="TokenizerFile"/>. Safe from any thread.</remarks>
internal sealed class BpeTokenizer : ITokenizer
{
    private const int MaxStackBytes = 384;

    private readonly TokenTable _tokens;
    private readonly MergeTable? _merges;
    private readonly PieceMerger _merger;
    private readonly BpeRules _rules;
    private readonly Dictionary<string, int> _specials;
    private readonly Dictionary<int, string> _specialNames;

    /// <summary>Joins what a file reader read.</summary>
    /// <param name="tokens">Ordinary tokens.</param>
    /// <param name="merges">The merge list, or null where priority is the id of the concatenation.</param>
    /// <param name="specials">Name to id; none of them ordinary.</param>
    /// <param name="rules">How text becomes pieces.</param>
    public BpeTokenizer(TokenTable tokens, MergeTable? merges, Dictionary<string, int> specials, BpeRules rules)
    {
        (_tokens, _merges, _specials, _rules) = (tokens, merges, specials, rules);
        _merger = new PieceMerger(tokens, merges);
        _specialNames = new Dictionary<int, string>(specials.Count);
        VocabularySize = tokens.Limit;
        foreach (var (name, id) in specials)
        {
            _specialNames.Add(id, name);
            VocabularySize = Math.Max(VocabularySize, id + 1);
        }
    }

    /// <inheritdoc/>
    public int VocabularySize { get; }

    /// <inheritdoc/>
    public int LongestToken => _tokens.Longest;

    /// <summary>Name to id of the special tokens.</summary>
    public IReadOnlyDictionary<string, int> Specials => _specials;

    /// <summary>Whether text is cut and joined as Llama 3 does it.</summary>
    public bool IsLlama3 => _rules is { Splitter: Llama3Splitter, TakesWholePieces: true };

    /// <summary>The merge list, highest priority first; null where priority is the id of the concatenation.</summary>
    public (int Left, int Right)[]? MergeList() => _merges?.Pairs();

    /// <summary>Whether an id is a token that text becomes, and not a special one or a gap.</summary>
    public bool IsOrdinary(int id) => _tokens.Contains(id);

    /// <inheritdoc/>
    public bool TryGetSpecial(string name, out int id) => _specials.TryGetValue(name, out id);

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">The vocabulary has no such id.</exception>
    public ReadOnlyMemory<byte> BytesOf(int id) =>
        _tokens.Contains(id) ? _tokens.BytesOf(id)
        : _specialNames.TryGetValue(id, out var name) ? Encoding.UTF8.GetBytes(name)
        : throw new ArgumentOutOfRangeException(nameof(id), id, $"The vocabulary holds the ids 0..{VocabularySize - 1}.");

    /// <inheritdoc/>
    public void Encode(string text, List<int> ids) => EncodeStretches(text, ids, null);

    /// <summary>Appends the ids of a text in which spellings of special tokens become their ids. For inspection only: never give it user text.</summary>
    public void EncodeWithSpecials(string text, List<int> ids) => EncodeStretches(text, ids, new SpecialMatcher(_specials));

    private void EncodeStretches(string text, List<int> ids, SpecialMatcher? specials)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(ids);
        var left = RunCutter.Start;
        for (var start = 0; start < text.Length;)
        {
            var end = _rules.CutsLongRuns ? RunCutter.End(text, start, ref left) : text.Length;
            var stretch = text.AsSpan(start, end - start);
            start = end;
            if (specials is null)
            {
                EncodeOrdinary(stretch, ids);
            }
            else
            {
                EncodeWithSpecials(stretch, specials, ids);
            }
        }
    }

    private void EncodeWithSpecials(ReadOnlySpan<char> text, SpecialMatcher specials, List<int> ids)
    {
        var ordinary = 0; // where the ordinary text before the next special token starts
        for (var at = 0; at < text.Length;)
        {
            if (!specials.TryMatch(text[at..], out var id, out var length))
            {
                at++;
                continue;
            }

            EncodeOrdinary(text[ordinary..at], ids);
            ids.Add(id);
            at += length;
            ordinary = at;
        }

        EncodeOrdinary(text[ordinary..], ids);
    }

    private void EncodeOrdinary(ReadOnlySpan<char> text, List<int> ids)
    {
        Span<byte> small = stackalloc byte[MaxStackBytes];
        for (var start = 0; start < text.Length;)
        {
            var end = _rules.Splitter.End(text, start);
            EncodePiece(text[start..end], small, ids);
            start = end;
        }
    }

    private void EncodePiece(ReadOnlySpan<char> piece, Span<byte> small, List<int> ids)
    {
        const int MaxBytesPerUnit = 3; // UTF-8 of one UTF-16 unit
        byte[]? rented = null;
        var bytes = piece.Length * MaxBytesPerUnit <= small.Length ? small : rented = ArrayPool<byte>.Shared.Rent(piece.Length * MaxBytesPerUnit);
        bytes = bytes[..Encoding.UTF8.GetBytes(piece, bytes)]; // lone surrogates become the bytes of U+FFFD
        var whole = _rules.TakesWholePieces ? _tokens.Find(bytes) : -1;
        if (whole >= 0)
        {
            ids.Add(whole);
        }
        else
        {
            _merger.Append(bytes, ids);
        }

        if (rented is not null)
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }
}

/// <summary>How a tokenizer treats text before pairs join.</summary>
/// <param name="Splitter">Cuts text into pieces.</param>
/// <param name="TakesWholePieces">A piece that is a token is taken before any merging.</param>
/// <param name="CutsLongRuns">Meta's cutting, see <see cref="RunCutter"/>.</param>
internal sealed record BpeRules(IPieceSplitter Splitter, bool TakesWholePieces, bool CutsLongRuns);
