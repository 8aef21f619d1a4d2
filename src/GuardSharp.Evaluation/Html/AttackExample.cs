using GuardSharp.Evaluation.Attacks;

namespace GuardSharp.Evaluation.Html;

/// <summary>A row before and after an attack, hidden until it is opened.</summary>
internal static class AttackExample
{
    private const int MostPictureBytes = 20 << 20;
    private const int MostCharacters = 4000;

    /// <summary>The row.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="result">What came of it.</param>
    /// <param name="name">Unique on the page.</param>
    /// <param name="threshold">P(unsafe) from which on the guard says unsafe.</param>
    public static Markup Of(string folder, AttackResult result, string name, double threshold) => Markup.Of($"""
        <details><summary><b>{result.Before:0.000} → {result.After:0.000}</b> {(result.SafeAfter ? Markup.Of($"<span class=\"unsafe\">judged safe</span>") : Markup.Of($"<span class=\"safe\">still unsafe</span>"))} · {result.Setting} · <bdi class="soft">{result.Id}</bdi> <span class="soft">({result.Task}{(result.SafeBefore ? ", judged safe before too" : "")})</span></summary>
        {Pictures(folder, result)}{Text(result)}{Curve(result, name, threshold)}</details>

        """);

    private static Markup Pictures(string folder, AttackResult result)
    {
        var pictures = ((string? Path, string Name)[])[(result.OriginalPicture, "before"), (result.DifferencePicture, "difference, amplified"), (result.AttackedPicture, "after")];
        return pictures.All(picture => picture.Path is null)
            ? Markup.Empty
            : Markup.Of($"<div class=\"pictures\">{Markup.Join(pictures.Where(picture => picture.Path is not null).Select(picture => Markup.Of($"<figure>{Picture(folder, picture.Path!, picture.Name)}<figcaption>{picture.Name}</figcaption></figure>")))}</div>");
    }

    private static Markup Picture(string folder, string path, string name)
    {
        // A results file may come from anywhere: it names files of its own folder and no others.
        var root = Path.GetFullPath(folder);
        var full = Path.GetFullPath(Path.Combine(root, path));
        if (!full.StartsWith(root.TrimEnd(Path.DirectorySeparatorChar) + Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            return Markup.Of($"<p class=\"soft\">(the picture lies outside the folder)</p>");
        }

        try
        {
            return BoundedFile.Read(full, MostPictureBytes) is { } bytes ? PagePicture.Of(bytes, name) : Markup.Of($"<p class=\"soft\">(the picture is too large)</p>");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ImageException)
        {
            return Markup.Of($"<p class=\"soft\">(the picture cannot be shown)</p>");
        }
    }

    private static Markup Text(AttackResult result) => result.Text is not { } text
        ? Markup.Empty
        : Markup.Of($"<div class=\"turn\"><h4>put in</h4><p dir=\"auto\">{(text.Length <= MostCharacters ? text : $"{text[..MostCharacters]} … {text.Length - MostCharacters} characters more")}</p></div>");

    private static Markup Curve(AttackResult result, string name, double threshold) => result.Curve.Count < 2
        ? Markup.Empty
        : Markup.Of($"<figure>{PlotFrame.Draw(name, $"P(unsafe) along {result.Curve.Count} steps.", plot =>
        {
            var line = plot.Add.Line(0, threshold, result.Curve.Count - 1, threshold);
            (line.LineColor, line.LinePattern) = (PlotFrame.Grey, ScottPlot.LinePattern.Dashed);
            plot.Add.ScatterLine(Enumerable.Range(0, result.Curve.Count).Select(step => (double)step).ToArray(), result.Curve.ToArray(), PlotFrame.Blue).LineWidth = 2;
            plot.XLabel("step");
            plot.YLabel("P(unsafe)");
            plot.Axes.SetLimits(0, result.Curve.Count - 1, -0.02, 1.02);
        }, 860, 280)}<figcaption>P(unsafe) as the attack saw it, step by step; the dashed line is the threshold. {result.Queries} queries.</figcaption></figure>");
}
