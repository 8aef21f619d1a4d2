using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;

namespace GuardSharp.Server.Endpoints;

/// <summary>JSON as the clients of other services read it: names with underscores, no nulls but where they are asked for.</summary>
/// <remarks>Names of more than one word stand at their properties, so that the OpenAPI document has them too.</remarks>
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
