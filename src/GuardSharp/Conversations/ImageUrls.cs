using System.Text.Json;

namespace GuardSharp.Conversations;

/// <summary>Where parts of messages name images by URL.</summary>
internal static class ImageUrls
{
    /// <summary>The URL of an image part: <c>"image_url":{"url":"..."}</c>, or as newer interfaces write it <c>"image_url":"..."</c>.</summary>
    /// <returns>The URL; null where there is none.</returns>
    public static string? Of(JsonElement part)
    {
        if (part.ValueKind != JsonValueKind.Object || !part.TryGetProperty("image_url", out var image))
            return null;
        if (image.ValueKind == JsonValueKind.Object && !image.TryGetProperty("url", out image))
            return null;
        return image.ValueKind == JsonValueKind.String ? image.GetString() : null;
    }

    /// <summary>Whether a URL names an image on a network.</summary>
    public static bool IsRemote(string url) =>
        url.StartsWith("https://", StringComparison.OrdinalIgnoreCase) || url.StartsWith("http://", StringComparison.OrdinalIgnoreCase);
}
