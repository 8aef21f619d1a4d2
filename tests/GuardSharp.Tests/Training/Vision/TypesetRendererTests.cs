using System.Text;
using GuardSharp.Evaluation.Typesetting;
using GuardSharp.Imaging;
using GuardSharp.Lab.Training.Vision;
using GuardSharp.Tokenization;
using SkiaSharp;

namespace GuardSharp.Tests.Training.Vision;

public sealed class TypesetRendererTests : IDisposable
{
    private const int PatchSize = 14;

    private readonly TypesetFonts _fonts = TypesetFonts.Load();
    private readonly Llama4ImageProcessor _processor = new(new Llama4ImageSettings { TileSize = 224, MaxTiles = 4 });

    public void Dispose() => _fonts.Dispose();

    [Fact]
    public void Every_font_has_its_licence_beside_it_and_one_font_is_kept_aside()
    {
        var files = Directory.GetFiles(Path.Combine(TestFiles.Root, "src", "GuardSharp.Lab", "Fonts"));
        var licences = string.Concat(files.Where(f => f.EndsWith("OFL.txt", StringComparison.Ordinal)).Select(File.ReadAllText));
        var fonts = files.Where(f => !f.EndsWith(".txt", StringComparison.Ordinal)).Select(f => Path.GetFileName(f)!).ToList();
        Assert.All(fonts, font => Assert.Contains(font, licences, StringComparison.Ordinal));
        Assert.Equal(fonts.Count - 1, _fonts.Training.Count);
        Assert.DoesNotContain(_fonts.Training, font => font.FamilyName == _fonts.KeptAside.FamilyName);
    }

    [Fact]
    public void Where_a_letter_is_said_to_stand_there_is_ink()
    {
        foreach (var font in _fonts.Training.Append(_fonts.KeptAside))
        {
            var picture = TypesetRenderer.Render("The quick brown fox\njumps over the lazy dog, twice: once more and once less.", Style(font, 20, 240), new Random(1));
            Assert.True(picture.IsComplete);
            Assert.All(picture.Letters.Where(l => char.IsLetter(picture.Text[l.Index])), letter => Assert.True(HasInk(picture.Image, letter, 7), $"{font.FamilyName}: {picture.Text[letter.Index]}"));
        }
    }

    [Fact]
    public void Letters_come_in_the_texts_order_and_spaces_are_left_out()
    {
        var text = "a bc\ndef  ghi";
        var picture = TypesetRenderer.Render(text, Style(_fonts.KeptAside, 16, 224), new Random(1));
        Assert.Equal("abcdefghi", string.Concat(picture.Letters.Select(l => text[l.Index])));
        Assert.Equal(2, picture.Letters.Select(l => l.Y).Distinct().Count());
    }

    [Fact]
    public void A_text_that_does_not_fit_is_cut_and_says_so()
    {
        var picture = TypesetRenderer.Render(string.Join(' ', Enumerable.Repeat("word", 200)), Style(_fonts.KeptAside, 20, 100) with { MaxHeight = 100 }, new Random(1));
        Assert.False(picture.IsComplete);
        Assert.Equal(100, picture.Image.Width);
        Assert.InRange(picture.Image.Height, 50, 100);
        Assert.NotEmpty(picture.Letters);
    }

    [Theory]
    [InlineData("Grüße, “quoted” – ça va?", true)]
    [InlineData("नमस्ते", false)]
    [InlineData("สวัสดี", false)]
    [InlineData("smile 😀", false)]
    public void Only_scripts_that_stand_letter_by_letter_are_typeset(string text, bool expected) =>
        Assert.Equal(expected, TypesetRenderer.CanRender(text, _fonts.Training[0]));

    [Fact]
    public void Every_token_of_the_text_stands_in_the_cell_of_its_letters()
    {
        var text = "Two lines of\ntext: süß.";
        var picture = TypesetRenderer.Render(text, Style(_fonts.KeptAside, 30, 224), new Random(1));
        var sample = ReadingSample.Create(picture, _processor, PatchSize, new ByteTokenizer());
        // One token a byte: the two bytes of ü and of ß stand in one cell each; spaces and breaks stand nowhere.
        Assert.Equal(Encoding.UTF8.GetBytes(text).Where(b => b > 32).Select(b => (int)b), sample.Tokens.Select(t => t.Id));
        Assert.All(sample.Tokens, token => Assert.InRange(token.Cell, 0, 63));
        var firstLetter = picture.Letters[0];
        Assert.Equal(((int)(firstLetter.Y / 28) * 8) + (int)(firstLetter.X / 28), sample.Tokens[0].Cell);
        Assert.Equal(picture.Letters.Count, sample.Letters.Count(l => l != LetterClasses.Nothing));
        Assert.Equal([true], sample.AskedTiles);
    }

    [Fact]
    public void A_wide_token_stands_in_every_cell_of_which_it_covers_half()
    {
        var picture = TypesetRenderer.Render("MMMMM", Style(_fonts.KeptAside, 32, 224), new Random(1));
        var sample = ReadingSample.Create(picture, _processor, PatchSize, new OneTokenTokenizer());
        var (left, right) = (picture.Letters[0].X, picture.Letters[^1].X);
        var row = (int)(picture.Letters[0].Y / 28) * 8;
        var covered = Enumerable.Range(0, 8).Where(cell => Math.Min(right, (cell + 1) * 28) - Math.Max(left, cell * 28) >= PatchSize).Select(cell => row + cell);
        Assert.Equal(covered, sample.Tokens.Select(token => token.Cell));
        Assert.True(sample.Tokens.Count >= 3, $"{sample.Tokens.Count} cells");
    }

    [Fact]
    public void Of_text_too_small_to_be_read_nothing_is_asked()
    {
        var style = Style(_fonts.KeptAside, 16, 448) with { MinHeight = 448, MaxHeight = 448 };
        var sample = ReadingSample.Create(TypesetRenderer.Render("small once squeezed", style, new Random(1)), _processor, PatchSize, new ByteTokenizer());
        // 448 x 448: four tiles at full size, and the global tile at half, where the letters are 8 pixels.
        Assert.Equal([true, true, true, true, false], sample.AskedTiles);
        Assert.All(sample.Tokens, token => Assert.InRange(token.Cell, 0, (4 * 64) - 1));
        Assert.All(sample.Letters[(4 * 256 * ReadingSample.LetterSlots)..], l => Assert.Equal(ReadingSample.Ignored, l));
    }

    [Fact]
    public void A_drawing_says_that_nothing_stands_anywhere()
    {
        var source = new PictureSource(_fonts.Training, _processor, PatchSize, new ByteTokenizer());
        for (var seed = 0; seed < 8; seed++)
        {
            var sample = source.OfDrawing(new Random(seed));
            Assert.Empty(sample.Tokens);
            Assert.DoesNotContain(sample.Letters, l => l != LetterClasses.Nothing);
            Assert.DoesNotContain(sample.Tiles.Pixels, pixel => float.IsNaN(pixel));
        }
    }

    [Fact]
    public void Sampled_pictures_hold_their_text_and_the_same_seed_gives_the_same_picture()
    {
        var text = string.Join(' ', Enumerable.Repeat("how do I bake bread", 8));
        var complete = 0;
        for (var seed = 0; seed < 20; seed++)
        {
            var (one, two) = (Sampled(text, seed), Sampled(text, seed));
            Assert.True(one.Image.Pixels.AsSpan().SequenceEqual(two.Image.Pixels));
            complete += one.IsComplete ? 1 : 0;
        }

        // The room is an estimate from the mean width of letters: a wide font may lose its last line.
        Assert.InRange(complete, 16, 20);
    }

    private sealed class OneTokenTokenizer : ITokenizer
    {
        public int VocabularySize => 1;

        public void Encode(string text, List<int> ids) => ids.Add(0);

        public bool TryGetSpecial(string name, out int id)
        {
            id = 0;
            return false;
        }

        public ReadOnlyMemory<byte> BytesOf(int id) => "MMMMM"u8.ToArray();
    }

    private TypesetPicture Sampled(string text, int seed)
    {
        var random = new Random(seed);
        return TypesetRenderer.Render(text, TypesetStyle.SampleFitting(_fonts.Training, random, text.Length, _processor), random);
    }

    private static TypesetStyle Style(SKTypeface font, float size, int width) => new(font, size, width, 400, SKColors.Black, SKColors.White);

    private static bool HasInk(RgbaImage image, PlacedLetter letter, int reach)
    {
        for (var y = (int)letter.Y - reach; y <= (int)letter.Y + reach; y++)
        {
            for (var x = (int)letter.X - 3; x <= (int)letter.X + 3; x++)
            {
                if (x >= 0 && y >= 0 && x < image.Width && y < image.Height && image.Pixels[((y * image.Width) + x) * 4] < 128)
                    return true;
            }
        }

        return false;
    }
}
