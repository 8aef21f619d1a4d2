using System.Buffers;
using System.Text;

namespace GuardSharp.Tokenization;

/// <summary>Text to token ids and back. Ordinary text never yields a special id.</summary>
/// <remarks>Safe from any thread.</remarks>
internal interface ITokenizer
{
    /// <summary>Number of ids, special ones included.</summary>
    int VocabularySize { get; }

    /// <summary>Bytes of the longest ordinary token; more where that is not known.</summary>
    int LongestToken => int.MaxValue;

    /// <summary>Appends the ids of <paramref name="text"/>, special-token spellings in it being ordinary bytes. Adds no begin or end token.</summary>
    void Encode(string text, List<int> ids);

    /// <summary>The id of a special token, or false if the checkpoint has none of that name.</summary>
    bool TryGetSpecial(string name, out int id);

    /// <summary>The UTF-8 bytes of an ordinary token, or the name of a special one.</summary>
    ReadOnlyMemory<byte> BytesOf(int id);
}

/// <summary>What follows from the members of a tokenizer.</summary>
internal static class TokenizerExtensions
{
    /// <summary>The text of some tokens, special ones by their names. Bytes that are not UTF-8 become U+FFFD.</summary>
    public static string Decode(this ITokenizer tokenizer, params ReadOnlySpan<int> ids)
    {
        var bytes = new ArrayBufferWriter<byte>();
        foreach (var id in ids)
        {
            bytes.Write(tokenizer.BytesOf(id).Span);
        }

        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }
}
