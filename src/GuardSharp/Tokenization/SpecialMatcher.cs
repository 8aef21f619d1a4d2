namespace GuardSharp.Tokenization;

/// <summary>Finds spellings of special tokens in text, for inspection only.</summary>
internal sealed class SpecialMatcher
{
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _ids;
    private readonly int[] _lengths; // longest first

    /// <summary>Looks for these.</summary>
    public SpecialMatcher(Dictionary<string, int> specials)
    {
        _ids = specials.GetAlternateLookup<ReadOnlySpan<char>>();
        _lengths = [.. specials.Keys.Select(name => name.Length).Distinct().OrderDescending()];
    }

    /// <summary>The longest special token that the text starts with.</summary>
    public bool TryMatch(ReadOnlySpan<char> text, out int id, out int length)
    {
        foreach (var candidate in _lengths)
        {
            if (candidate <= text.Length && _ids.TryGetValue(text[..candidate], out id))
            {
                length = candidate;
                return true;
            }
        }

        (id, length) = (-1, 0);
        return false;
    }
}
