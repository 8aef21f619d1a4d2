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

    /// <summary>400: the request itself is wrong.</summary>
    public static ApiException BadRequest(string message, string? param = null, string? code = null) => new(400, "invalid_request_error", message, code, param);

    /// <summary>404: the model is not loaded.</summary>
    public static ApiException UnknownModel(string name) =>
        new(404, "invalid_request_error", $"The model \"{Shorten(name)}\" is not loaded here. GET /v1/models lists those that are.", "model_not_found", "model");

    /// <summary>400: no such policy in configuration.</summary>
    public static ApiException UnknownPolicy(string name) =>
        BadRequest($"There is no policy \"{Shorten(name)}\" in this server's configuration. Name one that is, or send the policy itself.", "policy", "policy_not_found");

    // Names come from clients: short, and without anything that a log or a terminal could take for its own.
    private static string Shorten(string name) => new([.. name.Take(80).Select(c => char.IsControl(c) ? '?' : c)]);
}
