using System.Text;
using GuardSharp.Tokenization;

namespace GuardSharp.Lab;

/// <summary>The ordinary tokens that somebody can type, and their text: what a suffix or noise is made of.</summary>
internal sealed class TypableTokens
{
    private static readonly UTF8Encoding _strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly BpeTokenizer _tokenizer;
    private readonly bool[] _allowed;

    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="rows">Rows of the model's embedding: ids from there on do not exist for it.</param>
    /// <param name="asciiOnly">Printable ASCII only; otherwise every ordinary token that is whole characters without a control character.</param>
    public TypableTokens(BpeTokenizer tokenizer, int rows, bool asciiOnly)
    {
        _tokenizer = tokenizer;
        _allowed = new bool[rows];
        for (var id = 0; id < Math.Min(rows, tokenizer.VocabularySize); id++)
        {
            _allowed[id] = tokenizer.IsOrdinary(id) && IsTypable(tokenizer.BytesOf(id).Span, asciiOnly);
        }

        Ids = [.. Enumerable.Range(0, rows).Where(id => _allowed[id])];
    }

    /// <summary>The allowed tokens, rising.</summary>
    public IReadOnlyList<int> Ids { get; }

    /// <summary>Whether a token may be used.</summary>
    public bool Allows(int id) => (uint)id < (uint)_allowed.Length && _allowed[id];

    /// <summary>The text of some tokens.</summary>
    public string Text(ReadOnlySpan<int> ids) => _tokenizer.Decode(ids);

    /// <summary>The tokens of a text that stands alone.</summary>
    public int[] Encode(string text)
    {
        var ids = new List<int>();
        _tokenizer.Encode(text, ids);
        return [.. ids];
    }

    private static bool IsTypable(ReadOnlySpan<byte> bytes, bool asciiOnly)
    {
        if (asciiOnly)
        {
            return bytes.Length > 0 && !bytes.ContainsAnyExceptInRange((byte)' ', (byte)'~');
        }

        try
        {
            return bytes.Length > 0 && !_strict.GetString(bytes).Any(char.IsControl);
        }
        catch (DecoderFallbackException)
        {
            // A part of a character: alone it has no text.
            return false;
        }
    }
}
