using GuardSharp.Conversations;
using GuardSharp.Policies;
using GuardSharp.Prompts;
using GuardSharp.Tests.Engine;
using GuardSharp.Tests.Imaging;

namespace GuardSharp.Tests;

public sealed class GuardSetTests
{
    private static readonly ImagePart _image = new(new byte[] { 1 });

    public static TheoryData<Conversation, string> Routes => new()
    {
        { Conversation.OfUser("hello"), "text" },
        { new([Turn.User("hello"), Turn.Assistant("hi")]), "text" },
        { new([new Turn(Role.User, [_image, new TextPart("who is this?")])]), "vision" },
        { new([new Turn(Role.User, [_image]), Turn.Assistant("a cat"), Turn.User("and its name?")]), "vision" },
    };

    [Theory, MemberData(nameof(Routes))]
    public async Task An_image_anywhere_in_the_conversation_decides_who_judges(Conversation conversation, string expected)
    {
        await using var set = new GuardSet(new NamedGuard("text", 0), new NamedGuard("vision", 1));
        Assert.Equal(expected, (await set.ClassifyAsync(conversation, cancellationToken: TestContext.Current.CancellationToken)).Model);
    }

    [Fact]
    public async Task A_set_can_do_what_both_can_and_takes_the_vision_guards_images()
    {
        await using var set = new GuardSet(new NamedGuard("text", 0), new NamedGuard("vision", 1));
        Assert.Equal(("text+vision", 1, 100, true), (set.Capabilities.Model, set.Capabilities.MaxImages, set.Capabilities.MaxContextTokens, set.Capabilities.CustomCategories));
        Assert.Equal(["en"], set.Capabilities.Languages);
        Assert.Equal(["S1", "S14"], set.Capabilities.Codes);
    }

    [Fact]
    public async Task Two_folders_load_as_one_guard()
    {
        using var text = new TemporaryFolder();
        using var vision = new TemporaryFolder();
        Llama3Folders.WriteLlama(text.Path);
        Llama3Folders.WriteMllama(vision.Path);
        await using var set = GuardSet.Load(text.Path, vision.Path, new GuardOptions { Threads = 1, Prompt = new PromptOptions { ImageLimit = ImageLimit.LastOnly } });
        Assert.Equal(1, set.Capabilities.MaxImages);
        var picture = new ImagePart(Pictures.Noise(40, 30, 1).Encode(SkiaSharp.SKEncodedImageFormat.Png));
        var judged = await set.ClassifyAsync(new([new Turn(Role.User, [picture, picture, new TextPart("Who is this?")])]), cancellationToken: TestContext.Current.CancellationToken);
        Assert.StartsWith(Path.GetFileName(vision.Path) + "@", judged.Model, StringComparison.Ordinal);
        Assert.StartsWith("images-left-out: 1 of 2", Assert.Single(judged.Warnings), StringComparison.Ordinal);
        judged = await set.ClassifyAsync(Conversation.OfUser("Who is this?"), cancellationToken: TestContext.Current.CancellationToken);
        Assert.StartsWith(Path.GetFileName(text.Path) + "@", judged.Model, StringComparison.Ordinal);
        Assert.Empty(judged.Warnings);
    }

    [Fact]
    public void A_vision_guard_without_images_is_refused()
    {
        var error = Assert.Throws<GuardException>(() => new GuardSet(new NamedGuard("text", 0), new NamedGuard("blind", 0)));
        Assert.Contains("blind", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Both_guards_are_disposed_even_if_one_fails()
    {
        var (text, vision) = (new NamedGuard("text", 0) { Fails = true }, new NamedGuard("vision", 1));
        var set = new GuardSet(text, vision);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await set.DisposeAsync());
        Assert.True(text.Disposed && vision.Disposed);
    }

    private sealed class NamedGuard(string name, int images) : IGuard
    {
        public bool Disposed { get; private set; }

        public bool Fails { get; init; }

        public GuardCapabilities Capabilities { get; } = new()
        {
            Model = name,
            Codes = images > 0 ? ["S1"] : ["S1", "S14"],
            CustomCategories = true,
            NarrowedPolicies = true,
            Languages = images > 0 ? ["en"] : ["de", "en"],
            MaxImages = images,
            MaxContextTokens = images > 0 ? 100 : 200,
            PromptVariant = PromptVariant.Guard3,
            Threshold = 0.5,
        };

        public Task<Verdict> ClassifyAsync(Conversation conversation, ClassifyOptions? options = null, CancellationToken cancellationToken = default) =>
            Task.FromResult(new Verdict
            {
                Task = VerdictTask.PromptClassification,
                Unsafe = false,
                UnsafeProbability = 0,
                Threshold = 0.5,
                Categories = [],
                CategoryProbabilities = new Dictionary<string, double>(),
                CategoryUncertainty = 0,
                Warnings = [],
                Model = name,
                PolicyVersion = "",
                PromptTokens = 0,
                ImageTokens = 0,
                Elapsed = TimeSpan.Zero,
            });

        public ValueTask DisposeAsync()
        {
            Disposed = true;
            return Fails ? throw new InvalidOperationException() : ValueTask.CompletedTask;
        }
    }
}
