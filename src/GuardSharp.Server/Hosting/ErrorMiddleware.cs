using System.Diagnostics;
using System.Globalization;
using GuardSharp.Server.Judging;
using GuardSharp.Server.Telemetry;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace GuardSharp.Server.Hosting;

/// <summary>Answers every failure in the one envelope, also those of routing. Nothing that failed is ever answered as "safe".</summary>
internal sealed partial class ErrorMiddleware(RequestDelegate next, VerdictTelemetry telemetry, ILogger<ErrorMiddleware> log)
{
    /// <summary>The header that carries the request's id.</summary>
    public const string RequestIdHeader = "x-request-id";

    public async Task InvokeAsync(HttpContext context)
    {
        var id = Activity.Current?.TraceId.ToString() ?? context.TraceIdentifier;
        context.Response.Headers[RequestIdHeader] = id;
        try
        {
            await next(context).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            await FailAsync(context, error, id).ConfigureAwait(false);
            return;
        }

        if (context.Response is { HasStarted: false, StatusCode: >= 400, ContentType: null, ContentLength: null } && OfStatus(context.Response.StatusCode) is { } known)
        {
            await WriteAsync(context, known).ConfigureAwait(false);
        }
    }

    private async Task FailAsync(HttpContext context, Exception error, string id)
    {
        if (error is OperationCanceledException && context.RequestAborted.IsCancellationRequested)
        {
            // Nobody reads an answer; the number is for metrics (nginx's "client closed request"). One that has left cannot be changed any more.
            if (!context.Response.HasStarted)
            {
                context.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
            }

            return;
        }

        if (ApiError.IsForOperator(error))
        {
            Failed(log, error, id);
        }

        var known = ApiError.Known(error) ?? ApiError.Internal(id);
        telemetry.Failed(known);

        if (context.Response.HasStarted)
        {
            // Half an answer must not look like a whole one.
            context.Abort();
            return;
        }

        await WriteAsync(context, known).ConfigureAwait(false);
    }

    /// <summary>Writes an error as the whole answer.</summary>
    private static async Task WriteAsync(HttpContext context, ApiException error)
    {
        context.Response.StatusCode = error.Status;
        if (error.RetryAfter is { } wait)
        {
            context.Response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        }

        if (error.Status == StatusCodes.Status401Unauthorized)
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
        }

        await context.Response.WriteAsJsonAsync(new ApiErrorBody(ApiError.Of(error)), ServerJson.Options, context.RequestAborted).ConfigureAwait(false);
    }

    private static ApiException? OfStatus(int status) => status switch
    {
        StatusCodes.Status404NotFound => new ApiException(status, "invalid_request_error", "There is nothing at this path. /openapi/v1.json lists what there is.", "not_found"),
        StatusCodes.Status405MethodNotAllowed => new ApiException(status, "invalid_request_error", "This path does not take the request's method; the header Allow names those it takes.", "method_not_allowed"),
        StatusCodes.Status415UnsupportedMediaType => new ApiException(status, "invalid_request_error", "The body must be JSON, with the header \"Content-Type: application/json\".", "unsupported_media_type"),
        _ => null,
    };

    [LoggerMessage(LogLevel.Error, "Request {RequestId} failed.")]
    private static partial void Failed(ILogger log, Exception error, string requestId);
}
