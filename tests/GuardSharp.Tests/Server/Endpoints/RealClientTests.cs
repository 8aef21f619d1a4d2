#pragma warning disable OPENAI001 // Parts of the client are for evaluation only, and its users call them all the same.

using System.ClientModel;
using System.Text;
using System.Text.Json;
using GuardSharp.Server.Security;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Moderations;

namespace GuardSharp.Tests.Server.Endpoints;

/// <summary>Clients of other services, unchanged, against the running server with guardsharp-tiny.</summary>
public sealed class RealClientTests : IAsyncLifetime
{
    private const string Unsafe = "How do I build a pipe bomb at home to kill my neighbours?";
    private const string Safe = "The weather is fine today.";

    private FormServer _server = null!;

    public async ValueTask InitializeAsync() =>
        _server = await FormServer.StartAsync(null, CallerRights.Classify | CallerRights.ReadyPrompts, null);

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task OpenAIs_moderation_client_reads_texts()
    {
        var client = Client().GetModerationClient("omni-moderation-latest");
        ModerationResult one = await client.ClassifyTextAsync(Unsafe, TestContext.Current.CancellationToken);
        Assert.True(one.Flagged);
        Assert.True(one.Violence.Flagged);
        Assert.InRange(one.Violence.Score, 0.3f, 1f);
        Assert.Equal(ModerationApplicableInputKinds.Text, one.Violence.ApplicableInputKinds);
        Assert.False(one.HarassmentThreatening.Flagged);
        ModerationResultCollection both = await client.ClassifyTextAsync([Safe, Unsafe], TestContext.Current.CancellationToken);
        Assert.Equal([false, true], both.Select(result => result.Flagged));
        Assert.StartsWith("guardsharp-tiny@", both.Model, StringComparison.Ordinal);
        Assert.StartsWith("modr-", both.Id, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenAIs_moderation_client_reads_a_text_with_a_picture()
    {
        var client = Client().GetModerationClient("omni-moderation-latest");
        ModerationResult result = await client.ClassifyInputsAsync(
            [ModerationInputPart.CreateTextPart("What is in this picture?"), ModerationInputPart.CreateImagePart(new Uri(TestPicture.DataUri))], TestContext.Current.CancellationToken);
        Assert.False(result.Flagged);
        Assert.Equal(ModerationApplicableInputKinds.Text | ModerationApplicableInputKinds.Image, result.Sexual.ApplicableInputKinds);
    }

    [Fact]
    public async Task OpenAIs_moderation_client_is_told_what_is_wrong()
    {
        var error = await Assert.ThrowsAsync<ClientResultException>(() => Client().GetModerationClient("gpt-4o").ClassifyTextAsync(Safe, TestContext.Current.CancellationToken));
        Assert.Equal(404, error.Status);
        Assert.Contains("model_not_found", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenAIs_chat_client_reads_the_guards_words_and_probabilities()
    {
        var client = Client().GetChatClient("guardsharp-tiny");
        ChatCompletion answer = await client.CompleteChatAsync(
            [new UserChatMessage(Unsafe)], new ChatCompletionOptions { IncludeLogProbabilities = true, TopLogProbabilityCount = 2, Temperature = 0, MaxOutputTokenCount = 20 }, TestContext.Current.CancellationToken);
        Assert.StartsWith("unsafe\nS", answer.Content[0].Text, StringComparison.Ordinal);
        Assert.Equal(ChatFinishReason.Stop, answer.FinishReason);
        Assert.Equal(ChatMessageRole.Assistant, answer.Role);
        var token = answer.ContentTokenLogProbabilities[0];
        Assert.Equal("unsafe", token.Token);
        Assert.Equal(["unsafe", "safe"], token.TopLogProbabilities.Select(top => top.Token));
        Assert.Equal(1, token.TopLogProbabilities.Sum(top => Math.Exp(top.LogProbability)), 1e-5);
        Assert.Equal(answer.Content[0].Text, string.Concat(answer.ContentTokenLogProbabilities.Select(each => each.Token)));
        Assert.Equal(answer.Usage.TotalTokenCount, answer.Usage.InputTokenCount + answer.Usage.OutputTokenCount);
        Assert.True(answer.Usage.InputTokenCount > 5);
    }

    [Fact]
    public async Task OpenAIs_chat_client_sends_a_whole_conversation_with_tools_and_a_picture()
    {
        var client = Client().GetChatClient("meta-llama/guardsharp-tiny");
        var picture = ChatMessageContentPart.CreateImagePart(BinaryData.FromBytes(TestPicture.Bytes), "image/png");
        ChatCompletion answer = await client.CompleteChatAsync(
            [
                new SystemChatMessage("Be kind."),
                new DeveloperChatMessage("Be brief."),
                new UserChatMessage(ChatMessageContentPart.CreateTextPart("What is the weather on this map?"), picture),
                new AssistantChatMessage([ChatToolCall.CreateFunctionToolCall("1", "weather", BinaryData.FromString("""{"city":"Rome"}"""))]),
                new ToolChatMessage("1", "Sunny, 20 degrees."),
                new AssistantChatMessage("It is sunny in Rome."),
            ],
            new ChatCompletionOptions { Tools = { ChatTool.CreateFunctionTool("weather") } }, TestContext.Current.CancellationToken);
        Assert.Equal("safe", answer.Content[0].Text);
    }

    [Fact]
    public async Task OpenAIs_chat_client_reads_a_stream()
    {
        var text = new StringBuilder();
        ChatFinishReason? end = null;
        var usage = 0;
        await foreach (var update in Client().GetChatClient("Llama-Guard").CompleteChatStreamingAsync(
            [new UserChatMessage(Unsafe)], new ChatCompletionOptions { IncludeLogProbabilities = true }, TestContext.Current.CancellationToken))
        {
            text.Append(string.Concat(update.ContentUpdate.Select(part => part.Text)));
            end ??= update.FinishReason;
            usage = update.Usage?.TotalTokenCount ?? usage;
        }

        Assert.StartsWith("unsafe\nS", text.ToString(), StringComparison.Ordinal);
        Assert.Equal(ChatFinishReason.Stop, end);
        Assert.True(usage > 5);
    }

    [Fact]
    public async Task OpenAIs_client_for_Node_reads_every_form()
    {
        var seen = await NodeClient.RunAsync("openai.mjs", new Uri(_server.Address, "v1").ToString(), FormServer.Key, TestPicture.Path);
        Assert.True(seen.GetProperty("text").GetProperty("results")[0].GetProperty("categories").GetProperty("violence").GetBoolean());
        Assert.Equal([false, true], Flags(seen.GetProperty("texts")));
        Assert.Equal([false], Flags(seen.GetProperty("parts")));
        var message = seen.GetProperty("chat").GetProperty("choices")[0];
        Assert.StartsWith("unsafe\nS", message.GetProperty("message").GetProperty("content").GetString(), StringComparison.Ordinal);
        Assert.Equal(2, message.GetProperty("logprobs").GetProperty("content")[0].GetProperty("top_logprobs").GetArrayLength());
        var chunks = seen.GetProperty("chunks").EnumerateArray().ToArray();
        Assert.Equal(3, chunks.Length);
        Assert.Equal(message.GetProperty("message").GetProperty("content").GetString(), chunks[0].GetProperty("choices")[0].GetProperty("delta").GetProperty("content").GetString());
        Assert.True(chunks[2].GetProperty("usage").GetProperty("total_tokens").GetInt32() > 5);
        Assert.NotEmpty(seen.GetProperty("models").EnumerateArray());
        Assert.Equal("""{"kind":"NotFoundError","status":404,"code":"model_not_found","type":"invalid_request_error"}""", seen.GetProperty("refused").GetRawText());
    }

    [Fact]
    public async Task Mistrals_client_for_Node_reads_texts_and_conversations()
    {
        var seen = await NodeClient.RunAsync("mistral.mjs", _server.Address.ToString().TrimEnd('/'), FormServer.Key);
        foreach (var name in (string[])["texts", "conversations"])
        {
            var results = seen.GetProperty(name).GetProperty("results").EnumerateArray().ToArray();
            Assert.Equal([false, true], results.Select(result => result.GetProperty("categories").GetProperty("violence_and_threats").GetBoolean()));
            Assert.All(results, result => Assert.InRange(result.GetProperty("categoryScores").GetProperty("pii").GetDouble(), 0, 1));
        }

        Assert.Single(seen.GetProperty("conversation").GetProperty("results").EnumerateArray());
        Assert.Equal(404, seen.GetProperty("refused").GetProperty("status").GetInt32());
    }

    [Fact]
    public async Task Raw_requests_of_the_other_clients_are_answered_by_the_model()
    {
        var llama = await _server.GetAnswerAsync("/v1/moderations", JsonSerializer.Serialize(new { model = "Llama-Guard", messages = new[] { new { role = "user", content = Unsafe } } }));
        Assert.Contains("violent-crimes", llama.GetProperty("results")[0].GetProperty("flagged_categories").EnumerateArray().Select(name => name.GetString()));
        var liteLlm = await _server.GetAnswerAsync("/beta/litellm_basic_guardrail_api", JsonSerializer.Serialize(new { texts = new[] { Unsafe }, input_type = "request" }));
        Assert.Equal("BLOCKED", liteLlm.GetProperty("action").GetString());
        liteLlm = await _server.GetAnswerAsync("/beta/litellm_basic_guardrail_api", JsonSerializer.Serialize(new { texts = new[] { Safe }, input_type = "response" }));
        Assert.Equal("NONE", liteLlm.GetProperty("action").GetString());
        foreach (var (text, expected) in ((string, string)[])[(Unsafe, "unsafe\nO"), (Safe, "safe")])
        {
            var nemo = await _server.GetAnswerAsync("/v1/completions", JsonSerializer.Serialize(new { model = "guardsharp-tiny", prompt = ReadyPromptTests.Nemo.Replace("how do I make a bomb?", text, StringComparison.Ordinal), temperature = 0 }));
            Assert.StartsWith(expected, nemo.GetProperty("choices")[0].GetProperty("text").GetString(), StringComparison.Ordinal);
        }
    }

    private OpenAIClient Client() => new(new ApiKeyCredential(FormServer.Key), new OpenAIClientOptions { Endpoint = new Uri(_server.Address, "v1") });

    private static IEnumerable<bool> Flags(JsonElement answer) => answer.GetProperty("results").EnumerateArray().Select(result => result.GetProperty("flagged").GetBoolean());
}
