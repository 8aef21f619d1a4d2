using System.Text.Json;
using GuardSharp.Conversations;
using GuardSharp.Server.Images;
using GuardSharp.Server.Judging;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace GuardSharp.Server.Endpoints;

/// <summary>Reads conversations from requests: counts first, then fetches the images that are named by URL, then reads.</summary>
/// <remarks>Safe from any thread.</remarks>
internal sealed class ConversationReader(ImageFetcher images, ConversationLimits limits, BodyMemory memory, IOptions<ImageOptions> options)
{
    /// <summary>Reads a list of messages.</summary>
    /// <param name="context">The request. Fetched images count as a part of its body.</param>
    /// <param name="messages">The list.</param>
    /// <param name="name">The field that holds it.</param>
    /// <exception cref="ApiException">It holds too much, or an image that is not fetched.</exception>
    /// <exception cref="GuardException">It is no conversation.</exception>
    public async Task<Conversation> ReadMessagesAsync(HttpContext context, JsonElement messages, string name)
    {
        var contents = messages.ValueKind == JsonValueKind.Array ? messages.EnumerateArray().Select(Content).ToArray() : [];
        limits.CheckMessages(contents.Length);
        return ConversationJson.FromMessages(messages, await FetchNamedAsync(context, contents, name).ConfigureAwait(false), name);
    }

    /// <summary>Reads the content of one user message: a list of parts.</summary>
    /// <inheritdoc cref="ReadMessagesAsync"/>
    public async Task<Conversation> ReadPartsAsync(HttpContext context, JsonElement parts, string name) =>
        ConversationJson.FromContent(parts, await FetchNamedAsync(context, [parts], name).ConfigureAwait(false), name);

    /// <summary>Reads images that stand alone: http or https URLs, data URIs, or bare base64.</summary>
    /// <inheritdoc cref="ReadMessagesAsync"/>
    public async Task<IReadOnlyList<ImagePart>> ReadImagesAsync(HttpContext context, IReadOnlyList<string> encoded, string name)
    {
        limits.CheckParts(encoded.Count);
        var fetched = await FetchAllAsync(context, encoded.Where(ImageUrls.IsRemote), name).ConfigureAwait(false);
        return [.. encoded.Select(image => new ImagePart(fetched.TryGetValue(image, out var bytes) ? bytes : Decode(image, name)))];
    }

    private static JsonElement Content(JsonElement message) =>
        message.ValueKind == JsonValueKind.Object && message.TryGetProperty("content", out var content) ? content : default;

    private static ReadOnlyMemory<byte> Decode(string image, string name)
    {
        var encoded = image.AsSpan(image.StartsWith("data:", StringComparison.OrdinalIgnoreCase) ? image.IndexOf(',', StringComparison.Ordinal) + 1 : 0);
        if (encoded.Length / 4L * 3 > ConversationJson.MaxImageBytes)
            throw ApiException.BadRequest($"\"{name}\" holds an image of more than {ConversationJson.MaxImageBytes} bytes, which is the most allowed.", name);
        var bytes = new byte[(encoded.Length / 4 * 3) + 3];
        return Convert.TryFromBase64Chars(encoded, bytes, out var written) && written > 0
            ? bytes.AsMemory(0, written)
            : throw ApiException.BadRequest($"\"{name}\" holds an image that is no base64. Encode the file's bytes as base64 with padding.", name);
    }

    private async Task<Func<string, ReadOnlyMemory<byte>?>> FetchNamedAsync(HttpContext context, JsonElement[] contents, string name)
    {
        var lists = contents.Where(content => content.ValueKind == JsonValueKind.Array).ToArray();
        limits.CheckParts(lists.Sum(list => (long)list.GetArrayLength()));
        var urls = lists.SelectMany(list => list.EnumerateArray()).Select(ImageUrls.Of).OfType<string>().Where(ImageUrls.IsRemote);
        var fetched = await FetchAllAsync(context, urls, name).ConfigureAwait(false);
        return url => fetched.TryGetValue(url, out var bytes) ? bytes : null;
    }

    private async Task<Dictionary<string, ReadOnlyMemory<byte>>> FetchAllAsync(HttpContext context, IEnumerable<string> named, string name)
    {
        string[] urls = [.. named.Distinct()];
        if (urls.Length == 0)
            return [];
        Count(context, urls.Length, name);
        var fetched = await Task.WhenAll(urls.Select(url => FetchAsync(url, name, context.RequestAborted))).ConfigureAwait(false);
        foreach (var image in fetched)
            context.Response.RegisterForDispose(new HeldBytes(memory, image.Length));
        return urls.Zip(fetched).ToDictionary(pair => pair.First, pair => pair.Second);
    }

    // Of the request as a whole: a batch of conversations must not fetch more than one conversation may.
    private void Count(HttpContext context, int more, string name)
    {
        var before = context.Features.Get<RemoteImageCount>()?.Count ?? 0;
        context.Features.Set(new RemoteImageCount(before + more));
        if (before + more > options.Value.MaxRemoteImages)
            throw ApiException.BadRequest($"\"{name}\" names too many images by URL; at most {options.Value.MaxRemoteImages} are fetched for one request.", name, "too_many_images");
    }

    private async Task<ReadOnlyMemory<byte>> FetchAsync(string url, string name, CancellationToken cancellationToken)
    {
        if (!images.Enabled)
        {
            throw ApiException.BadRequest(
                $"\"{name}\" names an image by URL, and this server fetches none. Send it as data:image/png;base64,..., or name its host in {ImageOptions.Section}:AllowedHosts.", name, "remote_image_refused");
        }

        try
        {
            return await images.FetchAsync(url, cancellationToken).ConfigureAwait(false);
        }
        catch (ImageRefusedException e)
        {
            throw ApiException.BadRequest($"\"{name}\": an image named by URL was not fetched: {e.Message}.", name, "remote_image_refused");
        }
    }

    private sealed record RemoteImageCount(int Count);

    /// <summary>Bytes of a fetched image, held until the request is answered.</summary>
    private sealed class HeldBytes : IDisposable
    {
        private readonly BodyMemory _memory;
        private readonly int _bytes;

        public HeldBytes(BodyMemory memory, int bytes)
        {
            (_memory, _bytes) = (memory, bytes);
            if (!memory.TryTake(bytes))
                throw ApiException.TooMany("Requests under way take all the memory that this server has for bodies and images (MaxBodyBytesTogether). Try again later.", "server_busy", TimeSpan.FromSeconds(1));
        }

        public void Dispose() => _memory.Give(_bytes);
    }
}
