namespace GuardSharp.Lab.Attacks.Gcg;

/// <summary>Where the suffix stands, and so what is judged (the three rows of arXiv:2411.10414's table).</summary>
internal enum SuffixPlace
{
    /// <summary>Behind the user's last message, which is judged.</summary>
    Prompt,

    /// <summary>Behind the user's last message, while the answer to it is judged.</summary>
    PromptForResponse,

    /// <summary>Behind the assistant's answer, which is judged.</summary>
    Response,
}

/// <summary>The places in words.</summary>
internal static class SuffixPlaces
{
    /// <summary>As options name it.</summary>
    public static string Name(this SuffixPlace place) => place switch
    {
        SuffixPlace.Prompt => "prompt",
        SuffixPlace.PromptForResponse => "prompt-for-response",
        _ => "response",
    };

    /// <summary>As tables name it; what is judged stands beside it there.</summary>
    public static string Setting(this SuffixPlace place) => place == SuffixPlace.Response ? "suffix after the response" : "suffix on the prompt";

    /// <summary>Reads an option's name.</summary>
    /// <exception cref="GuardException">There is no such place.</exception>
    public static SuffixPlace Parse(string name) =>
        Enum.GetValues<SuffixPlace>().Where(place => place.Name() == name).Cast<SuffixPlace?>().FirstOrDefault()
        ?? throw new GuardException($"--place is \"{name}\"; it must be one of {string.Join(", ", Enum.GetValues<SuffixPlace>().Select(Name))}.");
}
