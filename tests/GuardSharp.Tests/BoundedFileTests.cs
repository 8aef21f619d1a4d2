using GuardSharp.Conversations;
using GuardSharp.Policies;

namespace GuardSharp.Tests;

public sealed class BoundedFileTests : IDisposable
{
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"bounded-{Guid.NewGuid():N}");

    public void Dispose() => File.Delete(_path);

    [Theory]
    [InlineData(0, 10)]
    [InlineData(10, 10)]
    [InlineData(200_000, 200_000)]
    public void A_file_within_the_limit_is_read_whole(int length, long limit)
    {
        var bytes = new byte[length];
        new Random(1).NextBytes(bytes);
        File.WriteAllBytes(_path, bytes);

        Assert.Equal(bytes, BoundedFile.Read(_path, limit));
    }

    [Fact]
    public void A_file_beyond_the_limit_is_not_read()
    {
        File.WriteAllBytes(_path, new byte[11]);

        Assert.Null(BoundedFile.Read(_path, 10));
    }

    [Fact]
    public void A_device_without_end_is_given_up_at_the_limit()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no /dev/zero.");

        Assert.Null(BoundedFile.Read("/dev/zero", 1 << 20));
        var error = Assert.Throws<InvalidConversationException>(() => Policy.ReadFile("/dev/zero"));
        Assert.Contains("at most", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"user","content":"one","content":"two"}]}""")]
    [InlineData("""{"messages":[],"messages":[{"role":"user","content":"two"}]}""")]
    public void A_key_given_twice_in_a_conversation_is_an_error(string json)
    {
        var error = Assert.Throws<InvalidConversationException>(() => ConversationJson.Read(System.Text.Encoding.UTF8.GetBytes(json)));
        Assert.Contains("Duplicate", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_conversation_file_says_what_to_write()
    {
        File.WriteAllText(_path, "");

        var error = Assert.Throws<InvalidConversationException>(() => ConversationJson.ReadFile(_path));
        Assert.Contains("empty. Write {\"messages\"", error.Message, StringComparison.Ordinal);
    }
}
