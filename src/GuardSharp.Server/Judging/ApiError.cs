using GuardSharp.Policies;
using GuardSharp.Remote;
using GuardSharp.Server.Audit;
using Microsoft.AspNetCore.Http;

namespace GuardSharp.Server.Judging;

/// <summary>An error as clients of OpenAI read it.</summary>
/// <param name="Message">What was seen, what is allowed, the remedy.</param>
/// <param name="Type">Its kind: invalid_request_error, permission_error, rate_limit_error, server_error.</param>
/// <param name="Param">The parameter at fault.</param>
/// <param name="Code">Its name for programs.</param>
internal sealed record ApiError(string Message, string Type, string? Param, string? Code)
{
    /// <summary>The code of conversations that the model's prompt cannot express.</summary>
    public const string InvalidConversation = "invalid_conversation";

    // What a client is told to wait at most: the estimate of a queue of large conversations may be far beyond what it turns out to be.
    private static readonly TimeSpan _longestWait = TimeSpan.FromMinutes(1);

    /// <summary>The error of an exception.</summary>
    public static ApiError Of(ApiException error) => new(error.Message, error.Type, error.Param, error.Code);

    /// <summary>What an exception means to a client; null: nothing that it could know of, only that the server failed.</summary>
    public static ApiException? Known(Exception error) => error switch
    {
        ApiException known => known,
        ContextOverflowException => ApiException.BadRequest(error.Message, "messages", "context_length_exceeded"),
        ImageException => ApiException.BadRequest(error.Message, "messages", "invalid_image"),
        InvalidConversationException => ApiException.BadRequest(error.Message, "messages", InvalidConversation),
        QueueFullException full => ApiException.TooMany(error.Message, "queue_full", full.EstimatedWait is { } wait ? (wait < _longestWait ? wait : _longestWait) : TimeSpan.FromSeconds(1)),
        // The addresses of model servers, which the errors name, are the operator's business: they are logged, not answered.
        RemoteGuardException { IsTransient: true } remote =>
            new ApiException(503, "server_error", "The server of the model does not answer, or has too much to do. Try again later.", "model_unavailable") { RetryAfter = remote.RetryAfter ?? TimeSpan.FromSeconds(2) },
        RemoteGuardException or InvalidAnswerException =>
            new ApiException(502, "server_error", "The server of the model gave no verdict on this conversation. It is not judged.", "no_verdict"),
        AuditException => ApiException.NotReady(error.Message, "audit_unavailable"),
        BadHttpRequestException bad => OfBadRequest(bad),
        _ => null,
    };

    /// <summary>Whether an operator has to learn of an error: nobody foresaw it, or the server of a model is at fault.</summary>
    public static bool IsForOperator(Exception error) => error is RemoteGuardException or InvalidAnswerException || Known(error) is null;

    /// <summary>500: the server failed; its log says how, under the request's id.</summary>
    /// <param name="requestId">The id.</param>
    public static ApiException Internal(string requestId) =>
        new(500, "server_error", $"The server could not judge this. Its log has the cause under the request's id {requestId}.", "internal_error");

    private static ApiException OfBadRequest(BadHttpRequestException error) => error.StatusCode switch
    {
        StatusCodes.Status413PayloadTooLarge => new ApiException(413, "invalid_request_error", "The request's body is larger than this server takes (MaxBodyBytes). Send less at once.", "body_too_large"),
        StatusCodes.Status408RequestTimeout => new ApiException(408, "invalid_request_error", "The request's body came in too slowly, or not at all.", "body_too_slow"),
        // Kestrel's own words name the rule that was broken; they repeat nothing of the body.
        var status => new ApiException(status, "invalid_request_error", error.Message, "bad_request"),
    };
}

/// <summary>The envelope of an error.</summary>
internal sealed record ApiErrorBody(ApiError Error);
