using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;

namespace GuardSharp.Server.Endpoints;

/// <summary>JSON as the clients of other services read it: snake_case, no nulls but where they are asked for.</summary>
internal static class FormJson
{
    /// <summary>How answers are written.</summary>
    public static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>An answer.</summary>
    public static IResult Answer<T>(T value) => TypedResults.Json(value, Options);
}
