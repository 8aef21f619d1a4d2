// A chat on the console. Type a line; an empty one ends it. Text appears once the guard has judged it.
using GuardSharp;
using GuardSharp.Extensions.AI;
using Microsoft.Extensions.AI;

await using var guard = GuardClassifier.Load();
using var client = LocalModel.Create().AsBuilder().UseGuard(guard, new GuardedChatOptions { Refusal = "Let us talk about something else." }).Build();
var history = new List<ChatMessage>();
while (Prompt() is { Length: > 0 } line)
{
    history.Add(new(ChatRole.User, line));
    var updates = new List<ChatResponseUpdate>();
    await foreach (var update in client.GetStreamingResponseAsync(history))
    {
        Console.Write(update.Text);
        updates.Add(update);
    }

    var response = updates.ToChatResponse();
    Console.WriteLine($"\n  [{(response.IsBlocked() ? "blocked" : "safe")}, P(unsafe) {response.GetVerdict()?.UnsafeProbability:0.000}]");
    // What was blocked is no part of the conversation that goes on.
    if (response.IsBlocked())
        history.RemoveAt(history.Count - 1);
    else
        history.AddRange(response.Messages);
}

static string? Prompt()
{
    Console.Write("> ");
    return Console.ReadLine();
}
