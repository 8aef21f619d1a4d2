using System.Globalization;

namespace GuardSharp.Lab.Attacks.Pgd;

/// <summary>The largest change of a pixel's channel that an attacker allows himself.</summary>
/// <param name="Levels">In units of 1/255, 0 to 255.</param>
/// <param name="Name">As tables name it.</param>
internal sealed record Epsilon(int Levels, string Name)
{
    private const string Unbounded = "unbounded";
    private const string Prefix = "epsilon ";

    /// <summary>The part of a file's name that tells one epsilon from another.</summary>
    public string FilePart => Name[Prefix.Length..].Split('/')[0];

    /// <summary>Reads a list such as <c>0,8,128,unbounded</c>.</summary>
    /// <returns>From the smallest to the largest.</returns>
    /// <exception cref="GuardException">An entry is no whole number from 0 to 255, or stands there twice.</exception>
    public static IReadOnlyList<Epsilon> ReadList(string list)
    {
        Epsilon[] all = [.. list.Split(',', StringSplitOptions.TrimEntries).Select(Read).OrderBy(epsilon => epsilon.Levels)];
        return all.DistinctBy(epsilon => epsilon.Name).Count() == all.Length
            ? all
            : throw new GuardException($"--epsilon is \"{list}\"; an entry stands there twice.");
    }

    // A picture has whole levels, so a half one could not be kept by its file. With 255 every picture is allowed: unbounded is another name for it.
    private static Epsilon Read(string text) => text == Unbounded
        ? new Epsilon(255, Prefix + Unbounded)
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var levels) && levels <= 255
            ? new Epsilon(levels, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{levels}/255"))
            : throw new GuardException($"--epsilon has \"{text}\"; it must be whole numbers from 0 to 255 (units of 1/255), or {Unbounded}, with commas between them.");
}
