using System.Globalization;

namespace GuardSharp.Defences;

/// <summary>The defences by their names, for a command line or a configuration.</summary>
public static class KnownDefences
{
    private static readonly (string Form, Func<Argument, IDefence?> Create)[] _forms =
    [
        ("jpeg[:QUALITY 1-100, default 75]", argument => argument.Number(75, 1, 100) is { } quality ? new JpegDefence(quality) : null),
        ("bits[:BITS 1-7, default 3]", argument => argument.Number(3, 1, 7) is { } bits ? new BitDepthDefence(bits) : null),
        ("resize-jitter[:VOTES 1-16[,SEED], default 3]", argument => argument.Jitter()),
        ("normalise", argument => argument.IsEmpty ? new NormaliseDefence() : null),
        ("decode", argument => argument.IsEmpty ? new DecodeDefence() : null),
        ("pieces[:CHARACTERS 40-10000, default 200]", argument => argument.Number(200, 40, 10_000) is { } letters ? new PiecesDefence(letters) : null),
        ("erase[:WORDS 1-100, default 20]", argument => argument.Number(20, 1, 100) is { } words ? new EraseDefence(words) : null),
        ("perplexity[:NATS 1-10, default 3.5]", argument => argument.Real(PerplexityDefence.DefaultLimit, 1, 10) is { } limit ? new PerplexityDefence(limit) : null),
        ("both", argument => argument.IsEmpty ? new BothDefence() : null),
    ];

    /// <summary>The known forms, such as <c>bits[:BITS 1-7, default 3]</c>.</summary>
    public static IReadOnlyList<string> Forms { get; } = [.. _forms.Select(form => form.Form)];

    /// <summary>A defence by its name and, after a colon, its argument.</summary>
    /// <param name="text">Such as <c>normalise</c> or <c>jpeg:60</c>.</param>
    /// <exception cref="GuardException">There is no such defence, or it does not take this argument.</exception>
    public static IDefence Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var (name, argument) = colon < 0 ? (text, new Argument(null)) : (text[..colon], new Argument(text[(colon + 1)..]));
        foreach (var (form, create) in _forms)
        {
            if (form.Split('[')[0] == name)
            {
                return create(argument) ?? throw new GuardException($"The defence \"{text}\" has an argument it does not take. Its form is {form}.");
            }
        }

        throw new GuardException($"There is no defence \"{text}\". Known are {string.Join("; ", Forms)}.");
    }

    private readonly record struct Argument(string? Text)
    {
        public bool IsEmpty => Text is null;

        public int? Number(int fallback, int least, int most) => Text is null ? fallback
            : int.TryParse(Text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most ? value
            : null;

        public double? Real(double fallback, double least, double most) => Text is null ? fallback
            : double.TryParse(Text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most ? value
            : null;

        public ResizeJitterDefence? Jitter()
        {
            var comma = Text?.IndexOf(',', StringComparison.Ordinal) ?? -1;
            var votes = (comma < 0 ? this : new Argument(Text![..comma])).Number(3, 1, 16);
            uint seed = 0;
            return votes is null || (comma >= 0 && !uint.TryParse(Text![(comma + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out seed))
                ? null
                : new ResizeJitterDefence(votes.Value, seed);
        }
    }
}
