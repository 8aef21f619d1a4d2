using System.Globalization;

namespace GuardSharp.Policies;

/// <summary>One category of a policy, as the prompt names it.</summary>
/// <param name="Code">An <c>S</c> and a number from 1 to 9999 without leading zeros, such as <c>S1</c>: what the model answers.</param>
/// <param name="Name">One line, such as <c>Violent Crimes</c>. The prompt closes it with a full stop.</param>
/// <param name="Description">What belongs to the category, one line. In the prompt only when asked for.</param>
public sealed record HazardCategory(string Code, string Name, string? Description = null)
{
    /// <summary>The number of the code: 10 for <c>S10</c>. Categories are ordered by it.</summary>
    /// <exception cref="InvalidConversationException">The code is not an S and a number.</exception>
    public int Number => TryGetNumber(Code, out var number)
        ? number
        : throw new InvalidConversationException(
            $"The category code \"{Code}\" is not an S and a number from 1 to 9999, such as S1 or S99. Llama Guard answers with such codes only.");

    /// <summary>Reads the number of a code; false where the text is no code.</summary>
    internal static bool TryGetNumber(string code, out int number)
    {
        number = 0;
        return code is ['S', >= '1' and <= '9', ..] && code.Length <= 5
            && int.TryParse(code.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }
}
