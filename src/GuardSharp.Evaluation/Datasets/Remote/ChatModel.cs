using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Evaluation.Guards;
using GuardSharp.Remote;

namespace GuardSharp.Evaluation.Datasets.Remote;

/// <summary>Which model is asked, and how hard.</summary>
/// <remarks>A class and not a record: a record would print the key.</remarks>
internal sealed class ChatOptions
{
    /// <summary>The server's address, with or without <c>/v1</c>.</summary>
    public required Uri Endpoint { get; init; }

    /// <summary>The model's name on the server.</summary>
    public required string Model { get; init; }

    /// <summary>Sent as <c>Authorization: Bearer</c>; null: nothing is sent.</summary>
    public string? ApiKey { get; init; }

    /// <summary>Requests under way at the same time, 1 to 256.</summary>
    public int Concurrency { get; init; } = 4;

    /// <summary>Most requests begun in a minute; 0: no limit. Further attempts after a failure wait by themselves and are not counted.</summary>
    public double RequestsPerMinute { get; init; }

    /// <summary>Seconds one attempt may take.</summary>
    public double TimeoutSeconds { get; init; } = 120;

    /// <summary>Further attempts after a failure that may pass, 0 to 10.</summary>
    public int Retries { get; init; } = 5;

    /// <summary>Sampling temperature, 0 to 2.</summary>
    public double Temperature { get; init; }

    /// <summary>Most tokens of an answer.</summary>
    public int MaxTokens { get; init; } = 128;

    /// <summary>Seed sent with requests; servers may ignore it.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Waits before the second attempt; each further one waits about twice as long, or as long as the server asks.</summary>
    internal TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Refuses values out of range.</summary>
    /// <exception cref="GuardException">What was seen, what is allowed.</exception>
    public void Check()
    {
        Require(Concurrency is >= 1 and <= 256, "concurrency", Concurrency, "1 to 256");
        Require(RequestsPerMinute is >= 0 and <= 1e6, "requests per minute", RequestsPerMinute, "0 (no limit) to 1000000");
        Require(Temperature is >= 0 and <= 2, "temperature", Temperature, "0 to 2");
        Require(MaxTokens is >= 1 and <= 100_000, "most tokens", MaxTokens, "1 to 100000");
    }

    private static void Require(bool holds, string name, double seen, string allowed)
    {
        if (!holds)
        {
            throw new GuardException($"The {name} is {seen.ToString(CultureInfo.InvariantCulture)}; it must be {allowed}.");
        }
    }
}

/// <summary>A message to the model.</summary>
/// <param name="Role">system, user or assistant.</param>
/// <param name="Text">Its text.</param>
/// <param name="Images">Its pictures.</param>
internal sealed record ChatMessage(string Role, string Text, IReadOnlyList<ImagePart> Images)
{
    /// <summary>A message of text alone.</summary>
    public ChatMessage(string role, string text) : this(role, text, [])
    {
    }
}

/// <summary>An instruct model behind an OpenAI-compatible server: messages go out, a text comes back, or an error that holds neither.</summary>
/// <remarks>Safe from any thread. Attempts, waits and the rest for a server that keeps failing are those of a remote guard.</remarks>
internal sealed class ChatModel : IDisposable
{
    private static readonly JsonWriterOptions _readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly ChatOptions _options;
    private readonly PacedServer _server;

    /// <exception cref="GuardException">An option is out of range.</exception>
    public ChatModel(ChatOptions options) => (_options, _server) = (options, new PacedServer(options));

    /// <summary>The model's name.</summary>
    public string Name => _options.Model;

    /// <summary>Asks once.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="variation">Added to the seed: votes and copies differ by it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="mayBeCut">Whether the beginning of a longer answer will do.</param>
    /// <exception cref="RemoteGuardException">No answer came.</exception>
    /// <exception cref="GuardSharp.Policies.InvalidAnswerException">The answer was cut off.</exception>
    public async Task<string> AskAsync(IReadOnlyList<ChatMessage> messages, int variation, CancellationToken cancellationToken, bool mayBeCut = false)
    {
        var body = await _server.PostAsync("chat/completions", Body(_options, messages, _options.Seed + variation, 0), cancellationToken).ConfigureAwait(false);
        return RemoteAnswerReader.Read(body, mayBeCut).Text;
    }

    /// <inheritdoc/>
    public void Dispose() => _server.Dispose();

    /// <summary>The body of a request.</summary>
    /// <param name="options">Which model, and how it is asked.</param>
    /// <param name="messages">The conversation.</param>
    /// <param name="seed">Seed of the answer.</param>
    /// <param name="alternatives">Alternatives wanted at each token of the answer, with their probabilities; 0: none.</param>
    public static ReadOnlyMemory<byte> Body(ChatOptions options, IReadOnlyList<ChatMessage> messages, int seed, int alternatives)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using (var writer = new Utf8JsonWriter(buffer, _readable))
        {
            writer.WriteStartObject();
            writer.WriteString("model", options.Model);
            writer.WriteStartArray("messages");
            foreach (var message in messages)
            {
                Write(writer, message);
            }

            writer.WriteEndArray();
            writer.WriteNumber("max_tokens", options.MaxTokens);
            writer.WriteNumber("temperature", options.Temperature);
            writer.WriteNumber("seed", seed);
            if (alternatives > 0)
            {
                writer.WriteBoolean("logprobs", true);
                writer.WriteNumber("top_logprobs", alternatives);
            }

            writer.WriteBoolean("stream", false);
            writer.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }

    private static void Write(Utf8JsonWriter writer, ChatMessage message)
    {
        writer.WriteStartObject();
        writer.WriteString("role", message.Role);
        // Half of a surrogate pair becomes U+FFFD; the writer would refuse it.
        var text = Encoding.UTF8.GetBytes(message.Text);
        if (message.Images.Count == 0)
        {
            writer.WriteString("content", text);
            writer.WriteEndObject();
            return;
        }

        writer.WriteStartArray("content");
        foreach (var image in message.Images)
        {
            RemoteMessages.WriteImage(writer, image);
        }

        writer.WriteStartObject();
        writer.WriteString("type", "text");
        writer.WriteString("text", text);
        writer.WriteEndObject();
        writer.WriteEndArray();
        writer.WriteEndObject();
    }
}
