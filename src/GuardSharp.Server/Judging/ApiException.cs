namespace GuardSharp.Server.Judging;

/// <summary>A request that is answered with an error, in the envelope that clients of OpenAI expect.</summary>
/// <param name="status">The HTTP status.</param>
/// <param name="type">The envelope's type, such as invalid_request_error.</param>
/// <param name="message">What was seen, what is allowed, the remedy. Holds no user text.</param>
/// <param name="code">The envelope's code, for programs; null: none.</param>
/// <param name="param">The parameter at fault; null: none.</param>
internal sealed class ApiException(int status, string type, string message, string? code = null, string? param = null) : Exception(message)
{
    /// <summary>The HTTP status.</summary>
    public int Status { get; } = status;

    /// <summary>The envelope's type.</summary>
    public string Type { get; } = type;

    /// <summary>The envelope's code.</summary>
    public string? Code { get; } = code;

    /// <summary>The parameter at fault.</summary>
    public string? Param { get; } = param;

    /// <summary>After which time another try makes sense; null: not said.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>400: the request itself is wrong.</summary>
    public static ApiException BadRequest(string message, string? param = null, string? code = null) => new(400, "invalid_request_error", message, code, param);

    /// <summary>401: no key, or none that is known.</summary>
    public static ApiException Unauthorized() =>
        new(401, "invalid_request_error", "The request has no API key that this server knows. Send \"Authorization: Bearer KEY\" or \"x-api-key: KEY\".", "invalid_api_key");

    /// <summary>403: the key may not do this.</summary>
    public static ApiException Forbidden(string right) =>
        new(403, "permission_error", $"This API key lacks the right {right}. Give it in the server's configuration, or use another key.", "insufficient_rights");

    /// <summary>404: the model is not loaded.</summary>
    public static ApiException UnknownModel(string name) =>
        new(404, "invalid_request_error", $"The model \"{Shorten(name)}\" is not loaded here. GET /v1/models lists those that are.", "model_not_found", "model");

    /// <summary>400: no such policy in configuration.</summary>
    public static ApiException UnknownPolicy(string name) =>
        BadRequest($"There is no policy \"{Shorten(name)}\" in this server's configuration. Name one that is, or send the policy itself.", "policy", "policy_not_found");

    /// <summary>429: more than the server takes now.</summary>
    public static ApiException TooMany(string message, string code, TimeSpan retryAfter) =>
        new(429, "rate_limit_error", message, code) { RetryAfter = retryAfter };

    /// <summary>503: not yet, or no more.</summary>
    public static ApiException NotReady(string message, string code) =>
        new(503, "server_error", message, code) { RetryAfter = TimeSpan.FromSeconds(2) };

    /// <summary>504: the request's time is over.</summary>
    public static ApiException DeadlineExceeded(TimeSpan limit) =>
        new(504, "server_error", $"The request was not answered within {limit.TotalSeconds:0.###} seconds. Send less at once, try again later, or allow it more time.", "deadline_exceeded");

    // Names come from clients: short, and without anything that a log or a terminal could take for its own.
    private static string Shorten(string name) => new([.. name.Take(80).Select(c => char.IsControl(c) ? '?' : c)]);
}
