using System.Text;
using CsCheck;
using GuardSharp.Conversations;

namespace GuardSharp.Tests.Conversations;

public sealed class ConversationJsonTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("guardsharp-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_string_is_a_turn_of_one_text()
    {
        var conversation = Read("""{"id":"x","messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Ho"}]}""");
        Assert.Equal([Role.User, Role.Assistant], conversation.Turns.Select(t => t.Role));
        Assert.Equal(new TextPart("Hi"), Assert.Single(conversation.Turns[0].Parts));
    }

    [Fact]
    public void What_an_assistant_says_beside_its_content_is_judged_with_it()
    {
        var turn = Read("""[{"role":"user","content":"Hi"},{"role":"assistant","reasoning_content":"a","audio":{"id":"1","transcript":"b"},"content":"c"}]""").Turns[1];
        Assert.Equal([new TextPart("a"), new TextPart("b"), new TextPart("c")], turn.Parts);
        Assert.Throws<InvalidConversationException>(() => Read("""[{"role":"user","content":"Hi"},{"role":"assistant","audio":{"id":"1"},"content":"c"}]"""));
    }

    [Fact]
    public void Parts_keep_their_order()
    {
        var turn = Assert.Single(Read("""
            [{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AQI="}},
            {"type":"image_url","image_url":"data:image/webp;base64,Aw=="},{"type":"text","text":"b"}]}]
            """).Turns);
        Assert.Equal(new TextPart("a"), turn.Parts[0]);
        Assert.Equal([1, 2], Assert.IsType<ImagePart>(turn.Parts[1]).Data.ToArray());
        Assert.Equal([3], Assert.IsType<ImagePart>(turn.Parts[2]).Data.ToArray());
        Assert.Equal(new TextPart("b"), turn.Parts[3]);
    }

    [Fact]
    public void Tool_calls_results_and_system_messages_have_their_roles()
    {
        var conversation = Read("""
            [{"role":"developer","content":"Be kind."},{"role":"user","content":"Find x"},
            {"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"find","arguments":"{\"q\":\"x\"}"}},
            {"function":{"name":"look","arguments":{"n":1}}}]},{"role":"tool","tool_call_id":"1","content":"found"}]
            """);
        Assert.Equal([Role.System, Role.User, Role.Assistant, Role.Tool], conversation.Turns.Select(t => t.Role));
        Assert.Equal([new ToolCallPart("find", """{"q":"x"}"""), new ToolCallPart("look", """{"n":1}""")], conversation.Turns[2].Parts);
    }

    [Fact]
    public void A_tool_call_may_be_a_part() => Assert.Equal(
        [new TextPart("a"), new ToolCallPart("f", "{}")],
        Read("""[{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"tool_call","name":"f"}]}]""").Turns[0].Parts);

    [Fact]
    public void Image_paths_are_relative_to_the_file()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "pictures"));
        File.WriteAllBytes(Path.Combine(_folder, "pictures", "a.png"), [7]);
        var file = Path.Combine(_folder, "c.json");
        File.WriteAllText(file, """{"messages":[{"role":"user","content":[{"type":"image","path":"pictures/a.png"}]}]}""");
        Assert.Equal([7], Assert.IsType<ImagePart>(ConversationJson.ReadFile(file).Turns[0].Parts[0]).Data.ToArray());
    }

    [Theory]
    [InlineData("../a.png", "out of the folder")]
    [InlineData("x/../../a.png", "out of the folder")]
    [InlineData("/etc/hostname", "absolute")]
    [InlineData("", "empty")]
    [InlineData("none.png", "cannot be read")]
    public void A_path_that_leaves_the_folder_or_leads_nowhere_is_an_error(string path, string expected)
    {
        var json = """[{"role":"user","content":[{"type":"image","path":"PATH"}]}]""".Replace("PATH", path, StringComparison.Ordinal);
        var error = Assert.ThrowsAny<GuardException>(() => ConversationJson.Read(Encoding.UTF8.GetBytes(json), _folder));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]", "empty")]
    [InlineData("7", "a list of messages")]
    [InlineData("{}", "a list of messages")]
    [InlineData("{\"messages\":[]}", "empty")]
    [InlineData("[\"Hi\"]", "an object with role and content")]
    [InlineData("[{\"content\":\"Hi\"}]", "no role")]
    [InlineData("[{\"role\":\"robot\",\"content\":\"Hi\"}]", "unknown role \"robot\"; allowed is user, assistant")]
    [InlineData("[{\"role\":\"user\"}]", "no content")]
    [InlineData("[{\"role\":\"user\",\"content\":7}]", "Number")]
    [InlineData("[{\"role\":\"user\",\"content\":[{\"type\":\"audio\"}]}]", "\"audio\"")]
    [InlineData("[{\"role\":\"user\",\"content\":[{\"text\":\"Hi\"}]}]", "without type")]
    [InlineData("[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":\"https://example.org/a.png\"}]}]", "no data URI")]
    [InlineData("[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":\"data:image/png;base64,%\"}]}]", "not base64")]
    [InlineData("[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"path\":\"a.png\"}]}]", "data URI")]
    [InlineData("[{\"role\":\"user\",\"content\":\"\\ud800\"}]", "Unicode")]
    [InlineData("[{\"role\":\"user\",", "not JSON")]
    public void What_is_no_conversation_is_an_error_that_says_what_is_allowed(string json, string expected)
    {
        var error = Assert.ThrowsAny<GuardException>(() => Read(json));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_documents_never_escape_as_another_exception()
    {
        var seed = """{"messages":[{"role":"user","content":[{"type":"text","text":"a\u00e9"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AQI="}}],"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}]}"""u8.ToArray();
        Gen.Select(Gen.Int[0, seed.Length - 1], Gen.Byte).Array[1, 4].Sample(
            edits =>
            {
                var bytes = seed.ToArray();
                foreach (var (at, value) in edits)
                    bytes[at] = value;
                try
                {
                    ConversationJson.Read(bytes, _folder);
                }
                catch (GuardException)
                {
                    // Refused in words: what a damaged document deserves.
                }
            },
            iter: 20_000);
    }

    private static Conversation Read(string json) => ConversationJson.Read(Encoding.UTF8.GetBytes(json));
}
