using GuardSharp.Conversations;
using GuardSharp.Defences;
using GuardSharp.Imaging;
using GuardSharp.Tests.Imaging;

namespace GuardSharp.Tests.Defences;

public sealed class PictureDefenceTests
{
    private static readonly RgbaImage _noise = Pictures.Noise(90, 60, seed: 1);

    [Theory]
    [InlineData("jpeg")]
    [InlineData("bits")]
    [InlineData("resize-jitter")]
    public void Text_alone_has_no_other_view(string defence) => Assert.Empty(KnownDefences.Parse(defence).Views(Conversation.OfUser("hello")));

    [Theory]
    [InlineData("jpeg", 1)]
    [InlineData("bits", 1)]
    [InlineData("resize-jitter:4", 4)]
    public void Every_picture_of_every_message_is_made_anew_and_text_stays(string defence, int views)
    {
        var file = ImageEncoder.Png(_noise);
        var conversation = new Conversation([new Turn(Role.User, [new ImagePart(file), new TextPart("one")]), Turn.Assistant("two"), new Turn(Role.User, [new ImagePart(file)])]);
        var all = KnownDefences.Parse(defence).Views(conversation);
        Assert.Equal(views, all.Count);
        Assert.All(all, view =>
        {
            Assert.Equal(3, view.Turns.Count);
            Assert.Equal(new TextPart("one"), view.Turns[0].Parts[1]);
            Assert.Equal(new TextPart("two"), view.Turns[1].Parts[0]);
            Assert.False(DataOf(view, 0).SequenceEqual(file));
            Assert.True(DataOf(view, 0).SequenceEqual(DataOf(view, 2)));
        });
    }

    [Fact]
    public void Jpeg_views_are_jpeg_files()
    {
        var view = Assert.Single(KnownDefences.Parse("jpeg:50").Views(Of(_noise)));
        Assert.True(DataOf(view, 0).StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]));
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(3, 8)]
    [InlineData(7, 128)]
    public void Fewer_bits_are_as_many_levels_black_and_white_among_them(int bits, int levels)
    {
        var all = Pictures.Of(256, 1, (x, _) => new SkiaSharp.SKColor((byte)x, (byte)x, (byte)x, 255));
        var seen = Decode(Assert.Single(KnownDefences.Parse($"bits:{bits}").Views(Of(all)))).Pixels;
        var values = seen.Where((_, i) => i % 4 == 0).ToArray();
        Assert.Equal(levels, values.Distinct().Count());
        Assert.Equal((0, 255), (values[0], values[255]));
        // Half a step and the rounding of the level itself.
        Assert.All(values.Select((value, i) => Math.Abs(value - i)), change => Assert.True(change <= (127.5 / (levels - 1)) + 0.5));
    }

    [Fact]
    public void The_same_picture_gets_the_same_sizes_and_each_vote_its_own()
    {
        var first = KnownDefences.Parse("resize-jitter:4").Views(Of(_noise)).Select(Decode).ToList();
        var again = KnownDefences.Parse("resize-jitter:4").Views(Of(_noise)).Select(Decode).ToList();
        var seeded = KnownDefences.Parse("resize-jitter:4,9").Views(Of(_noise)).Select(Decode).ToList();
        Assert.Equal(first.Select(image => (image.Width, image.Height)), again.Select(image => (image.Width, image.Height)));
        Assert.NotEqual(first.Select(image => (image.Width, image.Height)), seeded.Select(image => (image.Width, image.Height)));
        Assert.True(first.Select(image => (image.Width, image.Height)).Distinct().Count() > 1);
        Assert.All(first, image => Assert.True(image.Width is >= 67 and <= 90 && image.Height is >= 45 and <= 60));
    }

    [Fact]
    public void A_tiny_picture_keeps_its_size() =>
        Assert.Equal((3, 5), Decode(KnownDefences.Parse("resize-jitter:1").Views(Of(Pictures.Noise(3, 5, 1)))[0]) is var image ? (image.Width, image.Height) : default);

    private static Conversation Of(RgbaImage image) => new([new Turn(Role.User, [new ImagePart(ImageEncoder.Png(image))])]);

    private static ReadOnlySpan<byte> DataOf(Conversation conversation, int turn) => conversation.Turns[turn].Parts.OfType<ImagePart>().Single().Data.Span;

    private static RgbaImage Decode(Conversation conversation) => ImageDecoder.Decode(DataOf(conversation, 0), new ImageLimits());
}
