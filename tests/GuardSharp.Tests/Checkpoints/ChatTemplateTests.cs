using GuardSharp.Checkpoints;

namespace GuardSharp.Tests.Checkpoints;

public sealed class ChatTemplateTests
{
    [Fact]
    public void The_template_is_found_where_the_folder_keeps_it()
    {
        using var folder = new TemporaryFolder();
        Assert.Null(ChatTemplate.Read(folder.Path));
        folder.Write("tokenizer_config.json", """{"chat_template":[{"name":"tool","template":"a"},{"name":"default","template":"b"}]}""");
        Assert.Equal("b", ChatTemplate.Read(folder.Path));
        folder.Write("tokenizer_config.json", """{"chat_template":"c"}""");
        Assert.Equal("c", ChatTemplate.Read(folder.Path));
        folder.Write("chat_template.json", """{"chat_template":"d"}""");
        Assert.Equal("d", ChatTemplate.Read(folder.Path));
        folder.Write("chat_template.jinja", "e");
        Assert.Equal("e", ChatTemplate.Read(folder.Path));
    }

    [Theory]
    [InlineData("""{"chat_template":3}""")]
    [InlineData("""{"chat_template":[]}""")]
    [InlineData("""{"chat_template":[{"name":"default"}]}""")]
    public void A_template_of_another_form_is_an_error(string json)
    {
        using var folder = new TemporaryFolder();
        folder.Write("tokenizer_config.json", json);
        Assert.Throws<CheckpointException>(() => ChatTemplate.Read(folder.Path));
    }
}
