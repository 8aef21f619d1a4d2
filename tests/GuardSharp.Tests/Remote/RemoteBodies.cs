using System.Text.Json;

namespace GuardSharp.Tests.Remote;

/// <summary>Bodies as the servers write them; probabilities become logarithms where the server writes those.</summary>
internal static class RemoteBodies
{
    private static readonly object _usage = new { prompt_tokens = 231, completion_tokens = 3, total_tokens = 234 };

    /// <summary>Chat completions of vLLM, SGLang and llama.cpp: text, and each token with its alternatives.</summary>
    public static string Chat(string text, params (string Token, (string Text, double P)[] Top)[] tokens) => Json(new
    {
        id = "chatcmpl-1",
        @object = "chat.completion",
        model = "served-name",
        choices = new[] { new { index = 0, message = new { role = "assistant", content = text }, logprobs = Content(tokens), finish_reason = "stop" } },
        usage = _usage,
    });

    /// <summary>llama.cpp's /v1/completions: the chat form of probabilities beside a text.</summary>
    public static string LlamaCpp(string text, params (string Token, (string Text, double P)[] Top)[] tokens) => Json(new
    {
        choices = new[] { new { text, index = 0, logprobs = Content(tokens), finish_reason = "stop" } },
        created = 1,
        model = "/models/guard.gguf",
        @object = "text_completion",
        usage = _usage,
    });

    /// <summary>llama.cpp before 2025: probabilities themselves, and whether the prompt was cut.</summary>
    public static string OldLlamaCpp(string text, params (string Token, (string Text, double P)[] Top)[] tokens) => Json(new
    {
        choices = new[] { new { text, finish_reason = "stop" } },
        model = "guard",
        truncated = false,
        completion_probabilities = tokens.Select(t => new { content = t.Token, probs = t.Top.Select(o => new { tok_str = o.Text, prob = o.P }) }),
    });

    /// <summary>Completions of vLLM and SGLang: four columns.</summary>
    public static string Completion(string text, params (string Token, (string Text, double P)[] Top)[] tokens) => Json(new
    {
        id = "cmpl-1",
        @object = "text_completion",
        model = "served-name",
        choices = new[]
        {
            new
            {
                index = 0,
                text,
                logprobs = new
                {
                    text_offset = tokens.Select((_, i) => i),
                    tokens = tokens.Select(t => t.Token),
                    token_logprobs = tokens.Select(t => Log(t.Top.Single(o => o.Text == t.Token).P)),
                    top_logprobs = tokens.Select(t => t.Top.ToDictionary(o => o.Text, o => Log(o.P))),
                },
                finish_reason = "stop",
                stop_reason = 128009,
            },
        },
        usage = _usage,
    });

    /// <summary>TGI's completions: a text and no probabilities.</summary>
    public static string Tgi(string text) => Json(new
    {
        @object = "text_completion",
        id = "",
        created = 1,
        model = "meta-llama/Llama-Guard-3-8B",
        system_fingerprint = "3.0.0-native",
        choices = new[] { new { index = 0, text, logprobs = (object?)null, finish_reason = "stop" } },
        usage = _usage,
    });

    private static object? Content((string Token, (string Text, double P)[] Top)[] tokens) => tokens.Length == 0 ? null : new
    {
        content = tokens.Select(t => new
        {
            token = t.Token,
            bytes = (int[]?)null,
            logprob = Log(t.Top.Single(o => o.Text == t.Token).P),
            top_logprobs = t.Top.Select(o => new { token = o.Text, bytes = (int[]?)null, logprob = Log(o.P) }),
        }),
    };

    private static string Json(object body) => JsonSerializer.Serialize(body);

    // What the servers write for a token that cannot come.
    private static double Log(double p) => p > 0 ? Math.Log(p) : -9999;
}
