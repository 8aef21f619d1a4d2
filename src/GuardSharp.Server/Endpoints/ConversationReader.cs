using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Server.Images;
using GuardSharp.Server.Judging;
using Microsoft.Extensions.Options;

namespace GuardSharp.Server.Endpoints;

/// <summary>Reads conversations from requests: counts first, then fetches the images that are named by URL, then reads.</summary>
/// <remarks>Safe from any thread.</remarks>
internal sealed class ConversationReader(ImageFetcher images, ConversationLimits limits, IOptions<ImageOptions> imageOptions)
{
    /// <summary>Reads a list of messages.</summary>
    /// <param name="messages">The list.</param>
    /// <param name="name">The field that holds it.</param>
    /// <param name="cancellationToken">The client left.</param>
    /// <exception cref="ApiException">It holds too much, or an image that is not fetched.</exception>
    /// <exception cref="GuardException">It is no conversation.</exception>
    public async Task<Conversation> ReadMessagesAsync(JsonElement messages, string name, CancellationToken cancellationToken)
    {
        var contents = messages.ValueKind == JsonValueKind.Array ? messages.EnumerateArray().Select(Content).ToArray() : [];
        limits.CheckMessages(contents.Length);
        var fetched = await FetchAsync(contents, name, cancellationToken).ConfigureAwait(false);
        return ConversationJson.FromMessages(messages, fetched, name);
    }

    /// <summary>Reads the content of one user message: a list of parts.</summary>
    /// <inheritdoc cref="ReadMessagesAsync"/>
    public async Task<Conversation> ReadPartsAsync(JsonElement parts, string name, CancellationToken cancellationToken) =>
        ConversationJson.FromContent(parts, await FetchAsync([parts], name, cancellationToken).ConfigureAwait(false), name);

    /// <summary>Reads one image: an http or https URL, a data URI, or bare base64.</summary>
    public async Task<ImagePart> ReadImageAsync(string image, string name, CancellationToken cancellationToken)
    {
        if (ImageUrls.IsRemote(image))
            return new ImagePart(await FetchAsync(image, name, cancellationToken).ConfigureAwait(false));
        var comma = image.StartsWith("data:", StringComparison.OrdinalIgnoreCase) ? image.IndexOf(',', StringComparison.Ordinal) + 1 : 0;
        var encoded = image.AsMemory(comma);
        if (encoded.Length / 4L * 3 > ConversationJson.MaxImageBytes)
            throw ApiException.BadRequest($"{name} holds an image of more than {ConversationJson.MaxImageBytes} bytes, which is the most allowed.", name);
        var bytes = new byte[(encoded.Length / 4 * 3) + 3];
        return Convert.TryFromBase64Chars(encoded.Span, bytes, out var written) && written > 0
            ? new ImagePart(bytes.AsMemory(0, written))
            : throw ApiException.BadRequest($"{name} holds an image that is no base64. Encode the file's bytes as base64 with padding.", name);
    }

    private static JsonElement Content(JsonElement message) =>
        message.ValueKind == JsonValueKind.Object && message.TryGetProperty("content", out var content) ? content : default;

    private async Task<Func<string, ReadOnlyMemory<byte>?>> FetchAsync(JsonElement[] contents, string name, CancellationToken cancellationToken)
    {
        var lists = contents.Where(content => content.ValueKind == JsonValueKind.Array).ToArray();
        limits.CheckParts(lists.Sum(list => (long)list.GetArrayLength()));
        string[] urls = [.. lists.SelectMany(list => list.EnumerateArray()).Select(ImageUrls.Of).OfType<string>().Where(ImageUrls.IsRemote).Distinct()];
        if (urls.Length > imageOptions.Value.MaxRemoteImages)
            throw ApiException.BadRequest($"{name} names {urls.Length} images by URL; at most {imageOptions.Value.MaxRemoteImages} are fetched for one request.", name, "too_many_images");
        var fetched = new Dictionary<string, ReadOnlyMemory<byte>>();
        foreach (var (url, bytes) in urls.Zip(await Task.WhenAll(urls.Select(url => FetchAsync(url, name, cancellationToken))).ConfigureAwait(false)))
            fetched[url] = bytes;
        return url => fetched.TryGetValue(url, out var bytes) ? bytes : null;
    }

    private async Task<ReadOnlyMemory<byte>> FetchAsync(string url, string name, CancellationToken cancellationToken)
    {
        if (!images.Enabled)
        {
            throw ApiException.BadRequest(
                $"{name} names an image by URL, and this server fetches none. Send it as data:image/png;base64,..., or name its host in {ImageOptions.Section}:AllowedHosts.", name, "remote_image_refused");
        }

        try
        {
            return await images.FetchAsync(url, cancellationToken).ConfigureAwait(false);
        }
        catch (ImageRefusedException e)
        {
            throw ApiException.BadRequest($"{name}: an image named by URL was not fetched: {e.Message}.", name, "remote_image_refused");
        }
    }
}
