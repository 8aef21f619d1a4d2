using System.ClientModel;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using OpenAI;

/// <summary>The model of the samples: an OpenAI-compatible one if OPENAI_BASE_URL is set, otherwise this stand-in, which needs neither key nor network.</summary>
internal sealed class LocalModel : IChatClient
{
    public static IChatClient Create() => Environment.GetEnvironmentVariable("OPENAI_BASE_URL") is { Length: > 0 } url
        ? new OpenAIClient(new ApiKeyCredential(Environment.GetEnvironmentVariable("OPENAI_API_KEY") ?? "none"), new OpenAIClientOptions { Endpoint = new Uri(url) })
            .GetChatClient(Environment.GetEnvironmentVariable("OPENAI_MODEL") ?? "default").AsIChatClient()
        : new LocalModel();

    public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        GetStreamingResponseAsync(messages, options, cancellationToken).ToChatResponseAsync(cancellationToken);

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var last = messages.Last();
        var id = Guid.NewGuid().ToString("n");
        // Calls the first tool once, then tells what came of it.
        if (last.Role != ChatRole.Tool && options?.Tools is [var tool, ..])
        {
            yield return new(ChatRole.Assistant, [new FunctionCallContent("call-1", tool.Name, new Dictionary<string, object?> { ["city"] = last.Text })]) { MessageId = id, FinishReason = ChatFinishReason.ToolCalls };
            yield break;
        }

        var result = last.Contents.OfType<FunctionResultContent>().FirstOrDefault()?.Result;
        foreach (var word in $"{(result is null ? $"You said: {last.Text}" : $"The tool says: {result}")}".Split(' '))
        {
            await Task.Delay(20, cancellationToken);
            yield return new(ChatRole.Assistant, word + " ") { MessageId = id };
        }

        yield return new() { MessageId = id, FinishReason = ChatFinishReason.Stop };
    }

    public object? GetService(Type serviceType, object? serviceKey = null) => serviceType.IsInstanceOfType(this) ? this : null;

    public void Dispose()
    {
    }
}
