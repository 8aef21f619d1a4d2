using System.Net;

namespace GuardSharp.Hub;

/// <summary>What a request is about: errors name it and the page where access is asked for.</summary>
/// <param name="Repository">The repository.</param>
/// <param name="Revision">The revision.</param>
/// <param name="File">The file; null: the repository as a whole.</param>
internal sealed record HubSubject(RepositoryName Repository, string Revision, string? File)
{
    /// <summary>The subject in a message.</summary>
    public string Name => File is null ? Repository.Text : $"{Repository.Text}, {Checkpoints.Printable.Of(File)}";
}

/// <summary>What an answer that is no success means, and what to do about it.</summary>
internal static class HubFailure
{
    // A server that asks for more patience than this is told to a person instead.
    private static readonly TimeSpan _longestWait = TimeSpan.FromMinutes(10);

    /// <summary>The error an answer stands for.</summary>
    /// <param name="response">The answer.</param>
    /// <param name="subject">What was asked for.</param>
    /// <param name="options">Endpoint and token.</param>
    /// <param name="isHub">False: a host the hub sent us to. Its addresses expire, so the hub is asked for a new one.</param>
    public static Exception Of(HttpResponseMessage response, HubSubject subject, HubOptions options, bool isHub)
    {
        var code = (int)response.StatusCode;
        if (response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout || code >= 500 || !isHub)
        {
            var wait = Wait(response);
            return wait > _longestWait
                ? new HubException($"{subject.Name}: the hub answered {code} and asks to wait {wait.Value.TotalMinutes:F0} minutes. Try again then.")
                : new TransientFailure($"{(isHub ? "the hub" : response.RequestMessage?.RequestUri?.Host ?? "the file's server")} answered {code}", wait);
        }

        var page = new Uri(options.Endpoint, subject.Repository.Text);
        var reason = response.Headers.TryGetValues("X-Error-Code", out var values) ? values.FirstOrDefault() : null;
        return new HubException((response.StatusCode, reason) switch
        {
            (HttpStatusCode.Unauthorized, "GatedRepo") or (HttpStatusCode.Forbidden, _) => $"{subject.Name}: access is gated. {Gate(page, options)}",
            (HttpStatusCode.Unauthorized, _) when options.Token is null =>
                $"{subject.Name}: there is no such public repository; it may be gated, private or misspelt. {Gate(page, options)}",
            (HttpStatusCode.Unauthorized, _) => $"{subject.Name}: the hub does not accept the access token, or there is no such repository. "
                + $"Look at {page} and make a new token at {new Uri(options.Endpoint, "settings/tokens")}.",
            (HttpStatusCode.NotFound, "RevisionNotFound") => $"{subject.Name}: there is no revision \"{Checkpoints.Printable.Of(subject.Revision)}\". The page {page}/tree/main lists branches and tags.",
            (HttpStatusCode.NotFound, _) => $"{subject.Name} is not there, or not at revision \"{Checkpoints.Printable.Of(subject.Revision)}\". Look at {page}.",
            _ => $"{subject.Name}: the hub answered {code} {Checkpoints.Printable.Of(response.ReasonPhrase ?? "")}. Look at {page}.",
        });
    }

    private static string Gate(Uri page, HubOptions options) => options.Token is null
        ? $"Log in at {page}, accept the licence, then set HF_TOKEN to a token from {new Uri(options.Endpoint, "settings/tokens")}."
        : $"Accept the licence at {page} with the account of your token; the owner may need hours to grant access. A fine-grained token also needs the right to read gated repositories.";

    private static TimeSpan? Wait(HttpResponseMessage response)
    {
        var wait = response.Headers.RetryAfter?.Delta ?? (response.Headers.RetryAfter?.Date - DateTimeOffset.UtcNow);
        return wait < TimeSpan.Zero ? TimeSpan.Zero : wait;
    }
}
