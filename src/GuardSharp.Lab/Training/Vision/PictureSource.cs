using GuardSharp.Evaluation.Typesetting;
using GuardSharp.Imaging;
using GuardSharp.Tokenization;
using SkiaSharp;

namespace GuardSharp.Lab.Training.Vision;

/// <summary>Makes the pictures of a run: tiled, and with what their patches and vision tokens should say.</summary>
/// <param name="fonts">Fonts to choose from.</param>
/// <param name="processor">The model's tiling.</param>
/// <param name="patchSize">Pixels of a patch's side.</param>
/// <param name="tokenizer">The model's tokenizer.</param>
internal sealed class PictureSource(IReadOnlyList<SKTypeface> fonts, Llama4ImageProcessor processor, int patchSize, ITokenizer tokenizer)
{
    private const int FewestLetters = 4;
    private const int RoomOfShortLine = 18; // letters in a line, about

    /// <summary>A picture to learn to read from.</summary>
    /// <param name="text">Where its text comes from.</param>
    /// <param name="dense">Probability that it is a tile full of small text.</param>
    /// <param name="random">The source of chance.</param>
    public ReadingSample ForReading(ReadingText text, double dense, Random random)
    {
        while (true)
        {
            TypesetStyle style;
            string passage;
            if (random.NextDouble() < dense)
            {
                style = TypesetStyle.SampleDense(fonts, random, processor.Settings.TileSize);
                passage = text.Next(random, style.Typeface, 40 + (int)(1.8f * style.Width * style.MaxHeight / (style.Size * style.Size)));
            }
            else
            {
                var length = 20 + random.Next(280);
                style = TypesetStyle.SampleFitting(fonts, random, length, processor);
                passage = text.Next(random, style.Typeface, length);
            }

            var picture = TypesetRenderer.Render(passage, style, random);
            if (picture.Letters.Count >= FewestLetters)
                return ReadingSample.Create(picture, processor, patchSize, tokenizer);
        }
    }

    /// <summary>True when every font can render a text.</summary>
    public bool CanRender(string text) => text.Any(char.IsLetter) && fonts.All(font => TypesetRenderer.CanRender(text, font));

    /// <summary>A picture of a text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="random">The source of chance.</param>
    /// <param name="shortLines">Lines of it that are nearly empty, for which room is kept as well.</param>
    public ReadingSample OfText(string text, Random random, int shortLines = 0) => ReadingSample.Create(
        TypesetRenderer.Render(text, TypesetStyle.SampleFitting(fonts, random, text.Length + (shortLines * RoomOfShortLine), processor), random), processor, patchSize, tokenizer);

    /// <summary>A picture without text.</summary>
    public ReadingSample OfDrawing(Random random)
    {
        var image = DrawingRenderer.Render(random, processor.Settings.TileSize * 2);
        // As a rendered text without letters: every patch and every vision token should say that nothing stands there.
        return ReadingSample.Create(new TypesetPicture(image, "", float.MaxValue, []), processor, patchSize, tokenizer);
    }
}
