namespace GuardSharp.Lab.Training.Vision;

/// <summary>The classes of letters that patches learn to tell while the encoder learns to read.</summary>
internal static class LetterClasses
{
    /// <summary>No letter's middle lies here.</summary>
    public const int Nothing = 0;

    /// <summary>A letter of no other class.</summary>
    public const int Other = 1;

    private const int FirstAscii = 2;
    private const int FirstLatin = FirstAscii + '~' - '!' + 1;

    /// <summary>Number of classes.</summary>
    public const int Count = FirstLatin + '\u00FF' - '\u00C0' + 1;

    /// <summary>The class of a letter: each of ASCII and of the letters of Latin-1 has its own.</summary>
    public static int Of(char letter) => letter switch
    {
        >= '!' and <= '~' => FirstAscii + letter - '!',
        >= '\u00C0' and <= '\u00FF' => FirstLatin + letter - '\u00C0',
        '\u2018' or '\u2019' => Of('\''),
        '\u201C' or '\u201D' => Of('"'),
        '\u2013' or '\u2014' => Of('-'),
        _ => Other,
    };
}
