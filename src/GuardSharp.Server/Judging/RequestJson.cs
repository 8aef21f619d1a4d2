using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace GuardSharp.Server.Judging;

/// <summary>A request's body: one JSON object, read within the server's limits. Dispose it when the request is answered; strings and bytes taken from it stay.</summary>
internal sealed class RequestJson : IDisposable
{
    private readonly JsonDocument _document;
    private readonly RequestBody _body;

    private RequestJson(JsonDocument document, RequestBody body)
    {
        _document = document;
        _body = body;
    }

    /// <summary>The object.</summary>
    public JsonElement Root => _document.RootElement;

    /// <summary>Reads the body.</summary>
    /// <param name="context">The request. Its body is read until <see cref="HttpContext.RequestAborted"/>.</param>
    /// <exception cref="ApiException">400 no JSON object, 415 another content type, 429 too many bodies at a time.</exception>
    /// <exception cref="BadHttpRequestException">413 too large, 408 too slow.</exception>
    public static async Task<RequestJson> ReadAsync(HttpContext context)
    {
        if (!context.Request.HasJsonContentType())
        {
            // Browsers send JSON to other sites only after asking; any other type they would send to this machine without.
            throw new ApiException(415, "invalid_request_error", "The body must be JSON, with the header \"Content-Type: application/json\".", "unsupported_media_type");
        }

        var options = context.RequestServices.GetRequiredService<IOptions<ServerOptions>>().Value;
        // In tests without a whole server there is nothing to share.
        var bodies = context.RequestServices.GetService<BodyMemory>() ?? new BodyMemory(options.MaxBodyBytesTogether);
        var body = await RequestBody.ReadAsync(context, options.MaxBodyBytes, bodies).ConfigureAwait(false);
        try
        {
            return new RequestJson(Parse(body.Bytes, options.MaxJsonDepth), body);
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    /// <summary>A string that may be missing or null.</summary>
    /// <exception cref="ApiException">It is something else.</exception>
    public string? Text(string name) => Root.OptionalText(name);

    /// <inheritdoc/>
    public void Dispose()
    {
        _document.Dispose();
        _body.Dispose();
    }

    private static JsonDocument Parse(ReadOnlyMemory<byte> body, int maxDepth)
    {
        try
        {
            // Of a content given twice one would be judged and the other perhaps answered.
            var document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = maxDepth, AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                var kind = document.RootElement.ValueKind;
                document.Dispose();
                throw ApiException.BadRequest($"The body is {kind}; it must be a JSON object.");
            }

            CheckStrings(body.Span, maxDepth);
            return document;
        }
        catch (JsonException error)
        {
            // The parser's own message may repeat a key of the body; the place is enough.
            var place = error.LineNumber is { } line ? $"see line {line + 1}, byte {error.BytePositionInLine + 1}" : "an object has a key twice";
            throw ApiException.BadRequest($"The body is no JSON that this server takes: {place}. Allowed are at most {maxDepth} levels, and every key of an object once.", code: "invalid_json");
        }
        catch (InvalidOperationException)
        {
            throw ApiException.BadRequest("A string of the body is not valid Unicode. Send UTF-8, surrogates in pairs.", code: "invalid_json");
        }
    }

    // The parser looks into strings only when they are read: here once, so that no endpoint has to expect it.
    private static void CheckStrings(ReadOnlySpan<byte> body, int maxDepth)
    {
        if (System.Text.Unicode.Utf8.IsValid(body) && body.IndexOf("\\u"u8) < 0)
        {
            return;
        }

        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = maxDepth });
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName)
            {
                _ = reader.GetString();
            }
        }
    }
}

/// <summary>Questions to parts of a body. Errors name the key and what it must be.</summary>
internal static class JsonElementExtensions
{
    /// <summary>A string that may be missing or null.</summary>
    public static string? OptionalText(this JsonElement element, string name) => element.Optional(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } value => value.GetString(),
        var other => throw Wrong(name, other.Value.ValueKind, "a string"),
    };

    /// <summary>A number that may be missing or null.</summary>
    public static double? OptionalNumber(this JsonElement element, string name) => element.Optional(name) switch
    {
        null => null,
        var value => value.Value.Number(name),
    };

    /// <summary>A value that must be a number.</summary>
    public static double Number(this JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number)
            ? number
            : throw Wrong(name, value.ValueKind, "a number");

    /// <summary>A truth value that may be missing or null, which means false.</summary>
    public static bool OptionalFlag(this JsonElement element, string name) => element.Optional(name) switch
    {
        null => false,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        var other => throw Wrong(name, other.Value.ValueKind, "true or false"),
    };

    /// <summary>A value that may be missing or null.</summary>
    public static JsonElement? Optional(this JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>400: a key holds another kind of value than it must.</summary>
    public static ApiException Wrong(string name, JsonValueKind seen, string allowed) =>
        ApiException.BadRequest($"\"{name}\" is {seen}; it must be {allowed}.", name);
}
