using GuardSharp.Conversations;
using GuardSharp.Evaluation.Predictions;
using GuardSharp.Evaluation.Reports;
using GuardSharp.Evaluation.Samples;

namespace GuardSharp.Evaluation.Html;

/// <summary>A row that the guard got wrong.</summary>
/// <param name="Sample">The row.</param>
/// <param name="Prediction">What the guard said.</param>
internal sealed record Mistake(Sample Sample, Prediction Prediction);

/// <summary>The mistakes a guard was surest of.</summary>
/// <param name="Alarms">Safe rows that were flagged, the surest first.</param>
/// <param name="Misses">Unsafe rows that passed, the surest first.</param>
internal sealed record Mistakes(IReadOnlyList<Mistake> Alarms, IReadOnlyList<Mistake> Misses)
{
    /// <summary>Finds them and reads their rows again.</summary>
    /// <param name="result">The judged rows.</param>
    /// <param name="most">How many of each kind.</param>
    public static Mistakes Of(EvaluationResult result, int most)
    {
        var (alarms, misses) = (Surest(result, most, isUnsafe: false), Surest(result, most, isUnsafe: true));
        var places = alarms.Concat(misses).Select(row => row.Place).ToHashSet(StringComparer.Ordinal);
        var samples = places.Count == 0
            ? []
            : SampleReader.Read(result.SamplesPath, labelled: true).Where(sample => places.Contains(sample.Place)).Take(places.Count).ToDictionary(sample => sample.Place);
        return new Mistakes([.. alarms.Select(row => new Mistake(samples[row.Place], row.Prediction))], [.. misses.Select(row => new Mistake(samples[row.Place], row.Prediction))]);
    }

    private static List<JudgedSample> Surest(EvaluationResult result, int most, bool isUnsafe) =>
    [
        .. result.Rows.Where(row => row.IsUnsafe == isUnsafe && row.Prediction.IsUnsafe != isUnsafe)
            .OrderBy(row => isUnsafe ? row.Prediction.UnsafeProbability : -row.Prediction.UnsafeProbability)
            .ThenBy(row => row.Id, StringComparer.Ordinal)
            .Take(most),
    ];
}

/// <summary>Mistakes on the page: what is in a row is hidden until it is opened.</summary>
internal static class MistakeList
{
    private const int MostCharacters = 4000;

    /// <summary>A list under a heading of its own.</summary>
    public static Markup Of(string title, IReadOnlyList<Mistake> mistakes) => Markup.Of($"""
        <h3>{title}</h3>
        {(mistakes.Count == 0 ? Markup.Of($"<p class=\"soft\">None.</p>") : Markup.Join(mistakes.Select(Entry)))}

        """);

    private static Markup Entry(Mistake mistake)
    {
        var (sample, prediction) = (mistake.Sample, mistake.Prediction);
        return Markup.Of($"""
            <details><summary><b>{prediction.UnsafeProbability:0.000}</b> {Codes("guard", prediction.Categories)}{Codes("truth", sample.Categories)}<bdi class="soft">{sample.Id}</bdi> <span class="soft">({sample.Source}, {sample.Language}, {(sample.Task == SampleTask.Prompt ? "prompt" : "response")})</span></summary>
            {Markup.Join(sample.Conversation.Turns.Select(Turn))}</details>

            """);
    }

    private static Markup Codes(string who, IReadOnlyList<string> codes) => codes.Count == 0 ? Markup.Empty : Markup.Of($"{who}: {string.Join(", ", codes)} · ");

    private static Markup Turn(Turn turn) => Markup.Of($"""
        <div class="turn"><h4>{turn.Role.ToString().ToLowerInvariant()}</h4>{Markup.Join(turn.Parts.Select(Part))}</div>

        """);

    private static Markup Part(ContentPart part) => part switch
    {
        TextPart text => Markup.Of($"<p dir=\"auto\">{Cut(text.Text)}</p>"),
        ToolCallPart call => Markup.Of($"<p dir=\"auto\">{Cut($"{call.Name}({call.Arguments})")}</p>"),
        ImagePart image => PagePicture.Of(image, "picture of the row"),
        _ => Markup.Empty,
    };

    private static string Cut(string text) => text.Length <= MostCharacters ? text : $"{text[..MostCharacters]} … {text.Length - MostCharacters} characters more";
}
