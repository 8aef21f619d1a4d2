using System.Globalization;
using GuardSharp.Conversations;
using SkiaSharp;

namespace GuardSharp.Cli.Measuring;

/// <summary>Conversations to measure with. Each number gives another one, so that no cache knows more of it than the policy.</summary>
internal static class SampleConversations
{
    // Two by two tiles of Llama Guard 4 (336) and of Llama Guard 3 Vision (560).
    private const int PictureSize = 672;
    private const int JpegQuality = 90;

    private const string Sentence = "The kitchen has an old gas oven, a small table and two windows that look over the yard. ";

    /// <summary>A question of about fifteen words.</summary>
    public static Conversation ShortText(int number) => Conversation.OfUser(Question(number));

    /// <summary>A message of several paragraphs.</summary>
    /// <param name="number">Which.</param>
    /// <param name="sentences">How many sentences of seventeen words it has.</param>
    public static Conversation LongText(int number, int sentences) =>
        Conversation.OfUser(Question(number) + " " + string.Concat(Enumerable.Repeat(Sentence, sentences)));

    /// <summary>A question and an answer of two sentences; the answer is judged.</summary>
    public static Conversation Response(int number) => new([Turn.User(Question(number)), Turn.Assistant("Use a pan with a lid and a low flame. " + Sentence)]);

    /// <summary>A question about pictures of 672 x 672.</summary>
    /// <param name="first">Number of the first picture.</param>
    /// <param name="count">How many.</param>
    public static Conversation Pictures(int first, int count) =>
        new([new Turn(Role.User, [.. Enumerable.Range(first, count).Select(number => new ImagePart(Picture(number))), new TextPart("What do you see here?")])]);

    private static string Question(int number) =>
        string.Create(CultureInfo.InvariantCulture, $"Number {number}: how do I bake bread for a party of {(number % 90) + 2} guests without an oven?");

    // Discs in places of their own on a plain ground: something to decode that no other picture is.
    private static byte[] Picture(int number)
    {
        using var bitmap = new SKBitmap(PictureSize, PictureSize, SKColorType.Rgba8888, SKAlphaType.Opaque);
        using var canvas = new SKCanvas(bitmap);
        using var paint = new SKPaint();
        canvas.Clear(new SKColor(230, 225, 210));
        for (var disc = 0; disc < 60; disc++)
        {
            var place = (uint)((number * 60) + disc + 1) * 2654435761u; // spreads neighbouring numbers (Knuth)
            paint.Color = new SKColor(0xFF000000u | (place * 40503u >> 8));
            canvas.DrawCircle(place % PictureSize, (place >> 12) % PictureSize, 10 + (place >> 27), paint);
        }

        using var data = bitmap.Encode(SKEncodedImageFormat.Jpeg, JpegQuality);
        return data.ToArray();
    }
}
