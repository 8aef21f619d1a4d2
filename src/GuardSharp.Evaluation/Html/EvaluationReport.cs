using System.Text;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Reports;

namespace GuardSharp.Evaluation.Html;

/// <summary>What a page shows of the rows.</summary>
public sealed record PageOptions
{
    /// <summary>Mistakes of each kind that are shown, 0 to 100.</summary>
    public int Mistakes { get; init; } = 10;

    /// <summary>Whether texts and pictures of rows may stand in the page.</summary>
    public bool Texts { get; init; } = true;

    internal void Check()
    {
        if (Mistakes is not (>= 0 and <= 100))
        {
            throw new GuardException($"A report cannot show {Mistakes} mistakes of a kind; from 0 to 100 are possible.");
        }
    }
}

/// <summary>What a page says beside the numbers.</summary>
/// <param name="Made">When.</param>
public sealed record ReportFacts(DateTimeOffset Made)
{
    /// <summary>Who judged, and how; null: predictions that were made elsewhere.</summary>
    public GuardIdentity? Guard { get; init; }

    /// <summary>What it shows.</summary>
    public PageOptions Page { get; init; } = new();
}

/// <summary>report.html: one file that a person opens to decide.</summary>
public static class EvaluationReport
{
    /// <summary>Name of the report in the output folder of an evaluation.</summary>
    public const string File = "report.html";

    /// <summary>Writes the report of a result; the file appears whole or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="result">The numbers, and the rows they are made of; texts are read again from their file.</param>
    /// <param name="facts">What else it says.</param>
    /// <exception cref="GuardException">The rows cannot be read again, or the file cannot be written.</exception>
    public static void Write(string path, EvaluationResult result, ReportFacts facts)
    {
        facts.Page.Check();
        var mistakes = facts.Page.Texts ? Mistakes.Of(result, facts.Page.Mistakes) : null;
        using var file = new PendingFile(path);
        file.Stream.Write(Encoding.UTF8.GetBytes(new EvaluationPage(facts, result, mistakes).Write().Html));
        file.Commit();
    }
}
