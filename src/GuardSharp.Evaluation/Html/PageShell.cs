namespace GuardSharp.Evaluation.Html;

/// <summary>What every page has: the style, and a rule by which a browser runs no script and asks no server, whatever stands in it.</summary>
internal static class PageShell
{
    private static readonly Lazy<Markup> _style = new(() =>
    {
        using var reader = new StreamReader(typeof(PageShell).Assembly.GetManifestResourceStream("GuardSharp.Evaluation.report.css")!);
        return new Markup(reader.ReadToEnd());
    });

    /// <summary>A whole page.</summary>
    /// <param name="title">Its title.</param>
    /// <param name="body">Header and main part.</param>
    public static Markup Of(string title, Markup body) => Markup.Of($"""
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="referrer" content="no-referrer">
        <title>{title}</title>
        <style>
        {_style.Value}</style>
        </head>
        <body>
        {body}
        </body>
        </html>

        """);
}
