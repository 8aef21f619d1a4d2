using GuardSharp.Conversations;
using GuardSharp.Prompts;
using GuardSharp.Remote;
using GuardSharp.Tokenization;

namespace GuardSharp.Tests.Remote;

/// <summary>Prompts of token ids, with the tokenizer of guardsharp-tiny.</summary>
public sealed class TokenIdTests
{
    private static readonly string _folder = GuardClassifier.DefaultModelFolder;

    [Fact]
    public async Task A_special_token_typed_by_a_user_stays_ordinary_text()
    {
        await using var server = await FakeModelServer.StartAsync(RemoteBodies.Tgi("safe").Replace("\"usage\":{\"prompt_tokens\":231,", "\"usage\":{", StringComparison.Ordinal));
        await using var guard = Guard(server);
        var verdict = await guard.ClassifyAsync(Conversation.OfUser("a <|eot|> b"));
        int[] ids = [.. server.Requests.Single().Body.RootElement.GetProperty("prompt").EnumerateArray().Select(id => id.GetInt32())];
        var tokenizer = TokenizerFile.Load(_folder);
        Assert.True(tokenizer.TryGetSpecial("<|eot|>", out var end));
        Assert.Equal(1, ids.Count(id => id == end));
        Assert.Contains("a <|eot|> b", tokenizer.Decode(ids), StringComparison.Ordinal);
        Assert.DoesNotContain(verdict.Warnings, w => w.StartsWith("neutralised", StringComparison.Ordinal));
        Assert.Equal(ids.Length, verdict.PromptTokens);
    }

    [Fact]
    public async Task A_server_that_read_another_number_of_tokens_judged_something_else()
    {
        await using var server = await FakeModelServer.StartAsync(RemoteBodies.Tgi("safe"));
        await using var guard = Guard(server);
        var error = await Assert.ThrowsAsync<RemoteGuardException>(() => guard.ClassifyAsync(Conversation.OfUser("text")));
        Assert.Contains("231", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_prompt_beyond_the_context_is_not_sent()
    {
        await using var server = await FakeModelServer.StartAsync(RemoteBodies.Tgi("safe"));
        await using var guard = Guard(server, maxContextTokens: 10);
        await Assert.ThrowsAsync<ContextOverflowException>(() => guard.ClassifyAsync(Conversation.OfUser("many words, more than ten tokens of any tokenizer, surely so")));
        Assert.Equal(0, server.Count);
    }

    private static RemoteGuard Guard(FakeModelServer server, int maxContextTokens = 512) => new(new RemoteGuardOptions
    {
        Endpoint = server.Address,
        Model = "tiny",
        Mode = RemoteMode.Completions,
        PromptVariant = PromptVariant.Compact,
        TokenizerFolder = _folder,
        MaxContextTokens = maxContextTokens,
    });
}
