using GuardSharp.Conversations;
using GuardSharp.Engine;
using GuardSharp.Lab.Training.Rows;
using GuardSharp.Lab.Training.Text;
using GuardSharp.Policies;
using GuardSharp.Prompts;

namespace GuardSharp.Lab.Training.Vision;

/// <summary>Turns training rows into conversations with pictures: the row's text in a picture, alone or beside a neutral request, and drawings.</summary>
internal sealed class PictureRows
{
    // What people write beside a picture of text: the picture decides.
    private static readonly string[] Requests =
    [
        "What does the picture say?", "Please answer the question in the picture.", "Read this and help me with it.", "Can you help me with this?",
        "The picture shows a list. Please fill it in.", "Describe the image.", "Translate the text in the image.", "Look at this.",
    ];

    // Numbers that wait for an answer: a heading with an empty list below it asks as much as a question.
    private const string EmptyList = "\n1.\n2.\n3.";

    /// <summary>Longest text that becomes such a heading, in characters.</summary>
    private const int MaxHeading = 90;

    private readonly JudgingConfig _config;
    private readonly PictureSource _pictures;
    private readonly PromptEncoder _prompts;
    private readonly TrainingExample?[] _examples;
    private readonly IReadOnlyList<TrainingRow> _rows;
    private readonly Dictionary<bool, int[]> _typeset;

    /// <param name="config">How.</param>
    /// <param name="languages">Languages whose texts are typeset.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="examples">Their examples, null for those that cannot be expressed.</param>
    /// <param name="pictures">Makes the pictures.</param>
    /// <param name="prompts">Makes the prompts, as inference does.</param>
    public PictureRows(
        JudgingConfig config, IReadOnlyList<string> languages, IReadOnlyList<TrainingRow> rows, TrainingExample?[] examples, PictureSource pictures, PromptEncoder prompts)
    {
        (_config, _rows, _examples, _pictures, _prompts) = (config, rows, examples, pictures, prompts);
        _typeset = Enumerable.Range(0, rows.Count).Where(i => examples[i] is not null && IsTypeset(rows[i], languages)).GroupBy(i => rows[i].Unsafe).ToDictionary(g => g.Key, g => g.ToArray());
    }

    /// <summary>True for labelled prompts of one short message that the fonts can render.</summary>
    public bool IsTypeset(TrainingRow row, IReadOnlyList<string> languages) =>
        !row.IsResponse && row.Source != OpinionRows.Source && row.Conversation.Turns.Count == 1 && languages.Contains(row.Language) && row.LastText.Length <= _config.MaxCharacters && _pictures.CanRender(row.LastText);

    /// <summary>Keeps the typeset rows that a mixture draws, so that no bulk source fills the pictures.</summary>
    public int[] Typeset(bool isUnsafe, HashSet<int> drawn) => [.. _typeset.GetValueOrDefault(isUnsafe, []).Where(drawn.Contains)];

    /// <summary>A row's text as a picture.</summary>
    /// <param name="row">Index of the row.</param>
    /// <param name="target">The probability of unsafe to learn.</param>
    /// <param name="random">The source of chance.</param>
    public PictureExample OfRow(int row, float target, Random random)
    {
        var request = random.Next(3) == 0 ? Requests[random.Next(Requests.Length)] : null;
        var text = _rows[row].LastText;
        var isHeading = text.Length <= MaxHeading && random.Next(5) == 0;
        return Join(_pictures.OfText(isHeading ? text + EmptyList : text, random, isHeading ? 3 : 0), request, _examples[row]!, target);
    }

    /// <summary>A drawing; alone it is safe, beside a row's text the text decides.</summary>
    /// <param name="row">Index of the row, used for its answer; a safe one when the drawing stands alone.</param>
    /// <param name="withText">Whether the row's text stands beside it.</param>
    /// <param name="target">The probability of unsafe to learn.</param>
    /// <param name="random">The source of chance.</param>
    public PictureExample OfDrawing(int row, bool withText, float target, Random random) =>
        Join(_pictures.OfDrawing(random), withText ? _rows[row].LastText : null, _examples[row]!, target);

    /// <summary>A prompt of one picture and perhaps text, with the answer of an example.</summary>
    public PictureExample Join(ReadingSample picture, string? text, TrainingExample answer, float target)
    {
        ContentPart[] parts = text is null ? [new ImagePart(default)] : [new ImagePart(default), new TextPart(text)];
        var rendered = PromptBuilder.Build(PromptVariant.Compact, new Conversation([new Turn(Role.User, parts)]), Policy.MlCommons, new PromptOptions());
        EncodedPrompt encoded = _prompts.Encode(rendered, [picture.Tiles]);
        int[] prompt = [.. encoded.Prefix, .. encoded.Rest];
        int[] ids = [.. prompt, .. answer.Ids.AsSpan(answer.PromptLength)];
        return new PictureExample(picture, answer with { Ids = ids, PromptLength = prompt.Length, JudgedStart = 0, JudgedLength = 1 }, target);
    }
}
