using GuardSharp.Conversations;
using GuardSharp.Evaluation.Samples;
using GuardSharp.Evaluation.Typesetting;
using GuardSharp.Imaging;
using GuardSharp.Lab.Training.Vision;
using SkiaSharp;

namespace GuardSharp.Lab.Attacks;

/// <summary>Rows of text as rows with pictures: the user's last message becomes a picture of its text, an assistant's answer stays text.</summary>
/// <param name="side">Width of the picture in pixels; it is at most as high.</param>
internal sealed class TypesetTurn(int side) : IDisposable
{
    private const float FontSize = 16;

    private readonly TypesetFonts _fonts = TypesetFonts.Load();

    /// <summary>Why a row cannot be typeset; null: it can.</summary>
    public string? Problem(Sample sample) => UserTurn(sample) is not { } turn || TextOf(sample.Conversation.Turns[turn]) is not { } text
        ? "end in no user message of text alone"
        : !TypesetRenderer.CanRender(text, Font) ? "are in a script that is not typeset"
        : !Render(text).IsComplete ? $"do not fit on a picture of {side} x {side} pixels" : null;

    /// <summary>The row with its picture.</summary>
    public Sample Typeset(Sample sample)
    {
        var turns = sample.Conversation.Turns.ToArray();
        var turn = UserTurn(sample)!.Value;
        turns[turn] = turns[turn] with { Parts = [new ImagePart(ImageEncoder.Png(Render(TextOf(turns[turn])!).Image))] };
        return new Sample(sample.Place, new Conversation(turns))
        {
            Id = sample.Id,
            Task = sample.Task,
            Unsafe = sample.Unsafe,
            Categories = sample.Categories,
            Language = sample.Language,
            Source = sample.Source,
        };
    }

    /// <inheritdoc/>
    public void Dispose() => _fonts.Dispose();

    // One that no model of ours was trained with.
    private SKTypeface Font => _fonts.KeptAside;

    private static int? UserTurn(Sample sample)
    {
        var place = sample.Conversation.Turns.ToList().FindLastIndex(turn => turn.Role == Role.User);
        return place < 0 ? null : place;
    }

    private static string? TextOf(Turn turn) => turn.Parts.All(part => part is TextPart)
        ? string.Join('\n', turn.Parts.OfType<TextPart>().Select(part => part.Text)) is { } text && text.Any(char.IsLetter) ? text.ReplaceLineEndings("\n") : null
        : null;

    private TypesetPicture Render(string text) =>
        TypesetRenderer.Render(text, new TypesetStyle(Font, FontSize, side, side, SKColors.Black, SKColors.White), new Random(0));
}
